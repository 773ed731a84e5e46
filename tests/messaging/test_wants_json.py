"""Who gets JSON: who asks for it, or sent it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.request import wants_json


@pytest.mark.parametrize(
    ("accept", "content_type", "json"),
    [
        ("", "", False),
        ("*/*", "", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "", False),
        ("application/json", "", True),
        ("Application/JSON; charset=utf-8", "", True),
        ("text/plain;q=0.5, application/json", "", True),
        ("application/problem+json", "", True),
        ("application/json;q=0.001", "", True),
        ("text/plain, application/json;q=0", "", False),
        ("text/plain, application/json; q=0.000", "", False),
        ("text/plain, application/json", "", True),
        ("application/json, text/javascript, */*; q=0.01", "", True),
        ("application/json;q=0.5, text/plain;q=0.5", "", True),
        ("text/plain, application/json;q=0.9", "", False),
        ("text/*, application/json; q=0.999", "", False),
        ("application/json;q=0.5, */*;q=0.8", "", False),
        ("application/json;q=0.5, image/png", "", True),
        ("application/json;q=0.1, application/problem+json, text/plain;q=0.9", "", True),
        ("application/ld+json", "", False),
        ("text/x-json", "", False),
        ("", "application/json", True),
        ("*/*", "application/json; charset=utf-8", True),
        ("", "application/x-www-form-urlencoded", False),
    ],
)
def test_json_is_for_who_asks_for_it_or_sent_it(accept: str, content_type: str, json: bool) -> None:
    assert wants_json(accept, content_type) is json


@given(st.text() | st.text(st.sampled_from("aplicton/jsq=0.;, *")), st.text())
def test_whatever_else_is_accepted_who_asks_for_it_gets_it(accept: str, content_type: str) -> None:
    wants_json(accept, content_type)
    assert wants_json(f"{accept}, application/json", content_type)
