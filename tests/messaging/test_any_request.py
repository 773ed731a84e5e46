"""Whatever a request says, in any of its parts: never a 5xx, never more than one mail, and an answer of one line."""

import json
import re
from io import BytesIO
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from messaging.application import Application
from messaging.request import FORM, JSON, Environ
from tests.fixtures.service import MakeService, Service

#: Stands for a key that opens the service.
_KEY: Final = "KEY"

#: What Waitress hands over is text that was bytes (PEP 3333).
_ANY: Final = st.text(st.characters(max_codepoint=255), max_size=40)

_NAMES: Final = ["sendmail", "talktome", "subject", "text", "key", "link", "to", "email", "message", "cc", "%00", ""]
_VALUES: Final = ["me@example.com", "a+b@b%C3%BCcher.example", "%0d%0aBcc:x@y.z", "=?utf-8?q?a?=", "%FF", "%", _KEY]

_PARAMETERS: Final = st.lists(
    st.tuples(st.sampled_from(_NAMES) | _ANY, st.sampled_from(_VALUES) | _ANY).map("=".join), max_size=3
).map("&".join)

_TEXTS: Final = st.sampled_from(["me@example.com", "a+b@bücher.example", "a\r\nBcc: x@y.z", _KEY]) | st.text(
    max_size=20
)
_DOCUMENTS: Final = st.dictionaries(
    st.sampled_from(_NAMES) | st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | _TEXTS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=2),
        max_leaves=3,
    )
    | _TEXTS,
    max_size=4,
).map(lambda document: json.dumps(document).encode())

_FIELDS: Final = [
    "HTTP_ACCEPT",
    "HTTP_AUTHORIZATION",
    "HTTP_HOST",
    "HTTP_IDEMPOTENCY_KEY",
    "HTTP_PURPOSE",
    "HTTP_X_API_KEY",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_REQUEST_ID",
    "REMOTE_ADDR",
]
_FIELD_VALUES: Final = [_KEY, f"Bearer {_KEY}", "Bearer", "application/json", "prefetch", "198.51.100.7, x", "::1", ""]

_ENVIRONS: Final = st.fixed_dictionaries(
    {
        "REQUEST_METHOD": st.sampled_from(["GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT"]) | _ANY,
        "PATH_INFO": st.sampled_from(["/", "/", "/action", "/v1/emails", "/v1/emails/1", "/notify/", "/task_status/1"])
        | _ANY,
        "wsgi.input": _DOCUMENTS | _PARAMETERS.map(lambda text: text.encode("latin-1")) | st.binary(max_size=100),
    },
    optional={
        "QUERY_STRING": _PARAMETERS | _ANY,
        "CONTENT_TYPE": st.sampled_from([FORM, JSON, f"{JSON}; charset=utf-8"]) | _ANY,
        "CONTENT_LENGTH": st.sampled_from(["", "0", "99999999", "-1"]) | _ANY,
        **dict.fromkeys(_FIELDS, st.sampled_from(_FIELD_VALUES) | _ANY),
    },
)


@pytest.fixture
def open_service(make_service: MakeService) -> Service:
    return make_service(OPEN_PER_RECIPIENT="off", OPEN_PER_CLIENT="off", OPEN_TOTAL="off", REPEAT_WINDOW="0s")


def environ_of(drawn: dict[str, Any], key: str) -> Environ:
    """What Waitress would hand over; the body's length is right where nothing else was drawn."""
    body: bytes = drawn["wsgi.input"].replace(_KEY.encode(), key.encode())
    texts = {name: text.replace(_KEY, key) for name, text in drawn.items() if name != "wsgi.input"}
    return {"CONTENT_LENGTH": str(len(body)), **texts, "wsgi.input": BytesIO(body)}


def answer(application: Application, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(application(environ, lambda status, headers: started.append((status, headers))))
    ((status, headers),) = started
    return status, headers, body


@pytest.mark.slow
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ENVIRONS)
def test_whatever_a_request_says_it_is_one_mail_at_the_most_and_never_a_5xx(
    open_service: Service, key: str, drawn: dict[str, Any]
) -> None:
    before = len(open_service.publisher.ids)
    status, headers, body = answer(open_service.application, environ_of(drawn, key))
    made = len(open_service.publisher.ids) - before
    event(f"{status[:3]}, {made} mails")
    assert re.fullmatch(r"[1-4][0-9]{2} [A-Za-z -]+", status)
    assert made == (1 if status.startswith("202") else 0)
    for name, value in headers:
        assert re.fullmatch(r"[A-Za-z-]+", name)
        assert value.isprintable()
        value.encode("latin-1")
    assert b"<" not in body
    if not body:
        return
    assert body.endswith(b"\n")
    assert body.count(b"\n") == 1
    if "json" in dict(headers)["Content-Type"]:
        json.loads(body)
    else:
        assert body[:-1].decode().isprintable()
