"""What a client is told when something is wrong: the reason and the field, and nothing of ours nor of theirs."""

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest

from messaging.draft import Draft
from messaging.outbox.outbox import Outbox
from tests.fixtures.client import JSON, Answer
from tests.fixtures.service import MakeService, Service

WORDS = "the-words-of-somebody"

#: What would tell how we are made.
INTERNAL = re.compile(
    rb"(?i)traceback|\.py\b|line \d|sqlite|sqlalchemy|waitress|python|/tmp|/work|exception|0x[0-9a-f]"
)


class Wrong(NamedTuple):
    """A request that cannot be carried out; it has an address, a key and words in it that must not come back."""

    status: int
    send: Callable[[Service, str, dict[str, str]], Answer]


def get(target: str) -> Callable[[Service, str, dict[str, str]], Answer]:
    return lambda service, key, headers: service.public.get(target.format(key=key), headers)


def post(document: object) -> Callable[[Service, str, dict[str, str]], Answer]:
    return lambda service, key, headers: service.public.post_json("/v1/emails", document, {**headers, "X-API-Key": key})


def expired(service: Service, _key: str, headers: dict[str, str]) -> Answer:
    link = service.links.make(Draft("victim@example.com", WORDS, WORDS), 1)
    service.clock.pass_s(2)
    return service.public.get(f"/?link={link}", headers)


def as_xml(service: Service, key: str, headers: dict[str, str]) -> Answer:
    body = f"<to>victim@example.com</to>{WORDS}".encode()
    return service.public.request("POST", "/v1/emails", body, {**headers, "Content-Type": "text/xml", "X-API-Key": key})


def limited(service: Service, _key: str, headers: dict[str, str]) -> Answer:
    for _ in range(3):
        service.public.post_form("/", "sendmail=victim@example.com")
    return service.public.post_form("/", "sendmail=victim@example.com", headers)


WRONG = {
    "unknown parameter": Wrong(400, get(f"/?sendmail=victim@example.com&key={{key}}&{WORDS}=1")),
    "wrong key": Wrong(401, get(f"/?sendmail=victim@example.com&key={{key}}x&text={WORDS}")),
    "no key": Wrong(401, get(f"/?sendmail=victim@example.com&text={WORDS}")),
    "forbidden": Wrong(403, get(f"/?sendmail=victim@example.net&key={{key}}&text={WORDS}")),
    "changed link": Wrong(403, get(f"/?link={WORDS}.victim@example.com")),
    "nothing there": Wrong(404, get(f"/{WORDS}/victim@example.com?key={{key}}")),
    "no such mail": Wrong(404, get(f"/v1/emails/{WORDS}?key={{key}}")),
    "method": Wrong(405, lambda service, key, headers: service.public.request("PUT", f"/?key={key}", b"", headers)),
    "ended link": Wrong(410, expired),
    "too large": Wrong(413, post({"to": "victim@example.com", "text": WORDS * 200})),
    "another type": Wrong(415, as_xml),
    "not an address": Wrong(422, get(f"/?sendmail=victim@example..com&key={{key}}&text={WORDS}")),
    "a bad subject": Wrong(422, post({"to": "victim@example.com", "subject": f"{WORDS}\n", "text": WORDS})),
    "too often": Wrong(429, limited),
}


@pytest.fixture
def strict(make_service: MakeService) -> Service:
    return make_service(ALLOWED_RECIPIENTS="@example.com", MAX_BODY_BYTES="1024")


def assert_says_nothing(answer: Answer, key: str) -> None:
    everything = b"\n".join([answer.body, *(f"{name}: {value}".encode() for name, value in answer.headers.items())])
    assert not INTERNAL.search(everything), everything
    for word in (key, "msg_", "victim", WORDS):
        assert word.encode() not in everything
    assert "Server" not in answer.headers


@pytest.mark.parametrize("headers", [{}, JSON], ids=["text", "json"])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_an_error_repeats_nothing_that_was_sent_and_shows_nothing_of_ours(
    strict: Service, wrong: Wrong, headers: dict[str, str]
) -> None:
    key = strict.keys.add("test")
    answer = wrong.send(strict, key, headers)
    assert answer.status == wrong.status
    assert_says_nothing(answer, key)


@pytest.mark.parametrize("headers", [{}, JSON], ids=["text", "json"])
def test_without_its_database_the_service_says_that_and_no_more(
    strict: Service, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    key = strict.keys.add("test")
    with strict.without_database():
        answer = strict.public.post_json(
            "/v1/emails", {"to": "victim@example.com", "text": WORDS}, {**headers, "X-API-Key": key}
        )
    assert answer.status == 503
    assert_says_nothing(answer, key)
    assert not any(word in caplog.text for word in (key, "victim", WORDS))


@pytest.mark.parametrize("headers", [{}, JSON], ids=["text", "json"])
def test_of_a_bug_the_client_sees_that_there_is_one(
    strict: Service, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = strict.keys.add("test")

    def fail(*_arguments: object, **_named: object) -> None:
        raise RuntimeError(f"victim@example.com {key} {WORDS}")

    monkeypatch.setattr(Outbox, "accept", fail)
    answer = strict.public.get(f"/?sendmail=victim@example.com&key={key}&text={WORDS}", headers)
    assert answer.status == 500
    assert b"a bug of ours" in answer.body
    assert_says_nothing(answer, key)
