"""A page of somebody else makes browsers ask us: what nobody meant does nothing, what somebody did is done."""

import pytest

from tests.fixtures.client import JSON
from tests.fixtures.service import Service

SENDS = "/?sendmail=me@example.com&talktome"

#: What browsers say of a request that a page of another site makes while it is looked at.
PARTS_OF_A_PAGE = {
    "a picture": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "a style sheet": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "style"},
    "a script": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
    "a script's request": {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"},
    "a script's request that wants the answer": {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    "a socket": {"Sec-Fetch-Mode": "websocket", "Sec-Fetch-Dest": "websocket"},
    "a frame": {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    "an object": {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"},
    "something new": {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "fencedframe"},
    "in capitals": {"Sec-Fetch-Mode": "NO-CORS", "Sec-Fetch-Dest": "IMAGE"},
    "no mode": {},
}

#: What they say where somebody follows a link or sends a form, types an address or comes from our own page.
MEANT = {
    "a link in another page": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-User": "?1",
    },
    "a page that sends somebody here": {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    },
    "an address that was typed, or a link in a mail program": {
        "Sec-Fetch-Site": "none",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    },
    "our own page": {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    "a page of the same site": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"},
    "no browser": {},
}


def foreign(part: str) -> dict[str, str]:
    return {"Sec-Fetch-Site": "cross-site", **PARTS_OF_A_PAGE[part]}


@pytest.mark.parametrize("part", PARTS_OF_A_PAGE)
@pytest.mark.parametrize("path", ["/", "/action"])
def test_a_part_of_a_foreign_page_sends_and_logs_nothing_and_says_so(service: Service, part: str, path: str) -> None:
    for parameters in ("sendmail=me@example.com", "talktome", "sendmail=me@example.com&talktome"):
        for answer in (
            service.public.get(f"{path}?{parameters}", foreign(part)),
            service.public.post_form(path, parameters, foreign(part)),
        ):
            assert answer.status == 403
            assert answer.text.startswith("error: a page elsewhere sends and logs nothing")
    assert (service.mails, service.log_lines) == ([], [])


@pytest.mark.parametrize("part", PARTS_OF_A_PAGE)
def test_nor_does_it_do_anything_else_not_even_with_a_key(service: Service, key: str, part: str) -> None:
    mail = service.public.get("/?sendmail=me@example.com").id
    for path, form in (
        ("/v1/emails", f"to=me@example.com&key={key}"),
        ("/notify/", f"email=me@example.com&key={key}"),
        (f"/v1/emails/{mail}/cancel", f"key={key}"),
        (f"/v1/emails/{mail}/resend", f"key={key}"),
        ("/v1/emails/cancel", f"key={key}"),
    ):
        assert service.public.post_form(path, form, foreign(part)).status == 403
    assert [each.state for each in service.mails] == ["queued"]


@pytest.mark.parametrize("headers", MEANT.values(), ids=MEANT)
def test_what_somebody_meant_is_done(service: Service, key: str, headers: dict[str, str]) -> None:
    assert service.public.get(SENDS, headers).status == 202
    assert service.public.post_form("/", "sendmail=me@example.com&talktome", headers).status == 202
    assert service.public.post_form("/v1/emails", f"to=me@example.com&key={key}", headers).status == 202
    assert len(service.mails) == 3
    assert len(service.log_lines) == 2


def test_what_has_no_effect_may_be_in_any_page(service: Service) -> None:
    mail = service.public.get("/?sendmail=me@example.com").id
    for target in ("/", "/healthz", f"/v1/emails/{mail}", f"/task_status/{mail}"):
        assert service.public.get(target, {**JSON, **foreign("a script's request")}).status == 200
