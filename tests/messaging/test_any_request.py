"""Whatever a request says, in any of its parts: never a 5xx, each mail answered for, and an answer of one line."""

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from messaging.application import Application
from messaging.request import FORM, JSON, MULTIPART, Environ
from tests.fixtures.service import MakeService, Service
from tests.fixtures.storage import connected

#: Stands for a key that opens the service.
_KEY: Final = "KEY"

#: What Waitress hands over is text that was bytes (PEP 3333).
_ANY: Final = st.text(st.characters(max_codepoint=255), max_size=40)

_DESCRIPTION: Final = json.loads((Path(__file__).parents[2] / "messaging/openapi.json").read_text())


def _described(part: Any) -> Iterator[dict[str, Any]]:
    """All objects of the description; it is held against the router and every endpoint, so what is new is in it."""
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _described(inner)


def _parameters(where: str) -> set[str]:
    return {each["name"] for each in _described(_DESCRIPTION) if each.get("in") == where}


#: Every parameter, and every field of whatever is sent or answered; and some that are none.
_NAMES: Final = [
    *sorted(_parameters("query") | {name for each in _described(_DESCRIPTION) for name in each.get("properties", ())}),
    *["sendmail", "to", "email"] * 20,
    "cc",
    "%00",
    "",
]

#: Stands for the id of a mail that is there.
_ID: Final = "MAIL"

_PATHS: Final = [path.replace("{id}", filled) for path in _DESCRIPTION["paths"] for filled in (_ID, "1")]

_VALUES: Final = [
    "me@example.com",
    "a+b@b%C3%BCcher.example",
    "%0d%0aBcc:x@y.z",
    "=?utf-8?q?a?=",
    "%FF",
    "%",
    _KEY,
    _ID,
    "true",
    "1",
    "0s",
    "queued",
]

_PARAMETERS: Final = st.lists(
    st.tuples(st.sampled_from(_NAMES) | _ANY, st.sampled_from(_VALUES) | _ANY).map("=".join), max_size=3
).map("&".join)

_TEXTS: Final = st.sampled_from(["me@example.com", "a+b@bücher.example", "a\r\nBcc: x@y.z", _KEY, _ID]) | st.text(
    max_size=20
)
#: A mail as it should be, or nearly; and what may be anything.
_MAILS: Final = st.fixed_dictionaries(
    {"to": st.just("me@example.com") | _TEXTS},
    optional={
        "subject": _TEXTS,
        "text": _TEXTS,
        "html": _TEXTS,
        "reply_to": _TEXTS,
        "attachments": st.lists(
            st.fixed_dictionaries({"name": _TEXTS, "content": st.just("YQ==") | _TEXTS}, optional={"type": _TEXTS}),
            max_size=2,
        ),
        "nonsense": _TEXTS,
    },
)
_OBJECTS: Final = st.dictionaries(
    st.sampled_from(_NAMES) | st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | _TEXTS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=2),
        max_leaves=3,
    )
    | _TEXTS,
    max_size=4,
)
_DOCUMENTS: Final = (_OBJECTS | _MAILS | st.lists(_MAILS | _OBJECTS | _TEXTS, max_size=4)).map(
    lambda document: json.dumps(document).encode()
)

_PARTS: Final = st.lists(
    st.sampled_from(
        [
            *(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nme@example.com\r\n' for name in _NAMES),
            '--x\r\nContent-Disposition: form-data; name="attachments"; filename="a"\r\n\r\na\r\n',
            "--x--\r\n",
        ]
    ),
    max_size=4,
).map(lambda parts: "".join([*parts, "--x--\r\n"]).encode())

_FIELDS: Final = [
    "HTTP_ACCEPT",
    "HTTP_AUTHORIZATION",
    "HTTP_HOST",
    *(f"HTTP_{name.upper().replace('-', '_')}" for name in sorted(_parameters("header"))),
    "HTTP_PURPOSE",
    "HTTP_SEC_FETCH_SITE",
    "HTTP_USER_AGENT",
    "HTTP_X_API_KEY",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_REQUEST_ID",
    "REMOTE_ADDR",
]
_FIELD_VALUES: Final = [
    _KEY,
    f"Bearer {_KEY}",
    "Bearer",
    "application/json",
    "text/html",
    "prefetch",
    "*",
    "198.51.100.7, x",
    "::1",
    "",
]

_OPERATIONS: Final = [
    (method.upper(), path.replace("{id}", filled))
    for path, methods in _DESCRIPTION["paths"].items()
    for method in methods
    if method != "parameters"
    for filled in (_ID, "1")
]
_TARGETS: Final = st.one_of(
    *[st.sampled_from(_OPERATIONS)] * 6,
    st.tuples(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT"]) | _ANY, st.sampled_from(_PATHS) | _ANY),
)
_TYPED: Final = st.one_of(
    *[st.tuples(st.just(JSON), _DOCUMENTS)] * 4,
    *[st.tuples(st.just(FORM), _PARAMETERS.map(lambda text: text.encode("latin-1")))] * 2,
    st.tuples(st.just(f"{MULTIPART}; boundary=x"), _PARTS),
    st.tuples(_ANY, st.binary(max_size=100)),
)
_ENVIRONS: Final = st.fixed_dictionaries(
    {
        "target": _TARGETS,
        "typed": _TYPED,
        "fields": st.dictionaries(st.sampled_from(_FIELDS), st.sampled_from(_FIELD_VALUES) | _ANY, max_size=2),
        "key": st.booleans(),
    },
    optional={
        "QUERY_STRING": _PARAMETERS | _ANY,
        "CONTENT_LENGTH": st.sampled_from(["", "0", "99999999", "-1"]) | _ANY,
    },
)


@pytest.fixture
def open_service(make_service: MakeService) -> Service:
    return make_service(OPEN_PER_RECIPIENT="off", OPEN_PER_CLIENT="off", OPEN_TOTAL="off", REPEAT_WINDOW="0s")


def environ_of(drawn: dict[str, Any], key: str, mail_id: str) -> Environ:
    """What Waitress would hand over; the body's length is right where nothing else was drawn."""
    (method, path), (kind, body) = drawn["target"], drawn["typed"]
    body = body.replace(_KEY.encode(), key.encode()).replace(_ID.encode(), mail_id.encode())
    texts = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        **({"HTTP_X_API_KEY": _KEY} if drawn["key"] else {}),
        **drawn["fields"],
        **{name: drawn[name] for name in ("QUERY_STRING", "CONTENT_LENGTH") if name in drawn},
    }
    filled = {name: text.replace(_KEY, key).replace(_ID, mail_id) for name, text in texts.items()}
    return {**filled, "wsgi.input": BytesIO(body)}


def said_to_be_accepted(status: str, headers: dict[str, str], body: bytes) -> int:
    """How many mails there are now that were not there before, according to the answer."""
    if not status.startswith("202") or "Idempotency-Replayed" in headers or b"not sent again" in body:
        return 0
    document = json.loads(body) if "json" in headers["Content-Type"] else {}
    return 0 if document.get("repeated") else int(document.get("accepted", 1))


def answer(application: Application, environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(application(environ, lambda status, headers: started.append((status, headers))))
    ((status, headers),) = started
    return status, headers, body


@pytest.mark.slow
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ENVIRONS)
def test_whatever_a_request_says_each_mail_has_its_answer_and_none_is_a_5xx(
    open_service: Service, key: str, drawn: dict[str, Any]
) -> None:
    open_service.waits.end()
    mail_id = open_service.public.post_form("/", "sendmail=me@example.com").id
    before = count(open_service)
    status, headers, body = answer(open_service.application, environ_of(drawn, key, mail_id))
    made = count(open_service) - before
    _, path = drawn["target"]
    event(f"{status[:3]}, {made} mails, {path if path in _PATHS else 'elsewhere'}")
    assert re.fullmatch(r"[1-4][0-9]{2} [A-Za-z -]+", status)
    assert made == said_to_be_accepted(status, dict(headers), body)
    for name, value in headers:
        assert re.fullmatch(r"[A-Za-z-]+", name)
        assert value.isprintable()
        value.encode("latin-1")
    kind = dict(headers).get("Content-Type", "")
    if not body or path in ("/openapi.json", "/robots.txt") or kind.startswith(("message/rfc822", "text/html")):
        return
    assert b"<" not in body
    assert body.endswith(b"\n")
    assert body.count(b"\n") == 1
    if "json" in kind:
        json.loads(body)
    else:
        assert body[:-1].decode().isprintable()


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_MAILS | _OBJECTS | st.integers(), max_size=6), st.booleans())
def test_of_any_list_each_mail_is_accepted_or_refused_for_itself_and_again_as_the_first_time(
    open_service: Service, key: str, mails: list[object], idempotent: bool
) -> None:
    before = count(open_service)
    headers = {"X-API-Key": key, **({"Idempotency-Key": f"order-1-{uuid4()}"} if idempotent else {})}
    first = open_service.public.post_json("/v1/emails", mails, headers)
    event(f"{first.status}")
    if not mails or "results" not in first.json:
        # No list of mails, or no JSON: the standard library writes what is not a number.
        assert (first.status, count(open_service)) == (422 if not mails else 400, before)
        return
    verdicts = [(each["status"], each.get("id")) for each in first.json["results"]]
    assert len(verdicts) == len(mails)
    ids = [mail_id for status, mail_id in verdicts if status == 202]
    assert all(mail_id is None for status, mail_id in verdicts if status != 202)
    assert len(set(ids)) == len(ids) == first.json["accepted"] == count(open_service) - before
    assert first.status == (202 if ids else verdicts[0][0])
    if idempotent:
        again = open_service.public.post_json("/v1/emails", mails, headers)
        assert [(each["status"], each.get("id")) for each in again.json["results"]] == verdicts
        assert count(open_service) - before == len(ids)


def count(service: Service) -> int:
    """How many mails there are."""
    with connected(service.database_path) as connection:
        (found,) = connection.execute("SELECT count(*) FROM mails").fetchone()
    return int(found)
