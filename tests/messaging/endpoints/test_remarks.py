"""Whoever waits for a mail is told what it waits for: in the 202 and in the status, in text and in JSON."""

import itertools
import json
from collections.abc import Callable

import pytest

from messaging.outbox.states import FINAL, State
from tests.fixtures.client import JSON, Answer
from tests.fixtures.clock import NOON_MS
from tests.fixtures.service import Service

NO_WORKER = "no worker has been seen for 40 s, it waits for one"
HELD = "the relay is held since 2026-03-01T12:00:00.000Z"
WORDS = "AUTH: 535 5.7.8 Bad credentials for hunter2"
IN_FULL = f"{HELD}: {WORDS}; it is tried again at 2026-03-01T12:01:00.000Z"

Send = Callable[[Service, dict[str, str]], Answer]

SENDS: dict[str, Send] = {
    "GET /": lambda service, headers: service.public.get("/?sendmail=me@example.com", headers),
    "POST /action": lambda service, headers: service.public.post_form("/action", "sendmail=me@example.com", headers),
    "POST /v1/emails": lambda service, headers: service.public.post_form("/v1/emails", "to=me@example.com", headers),
}

every_send = pytest.mark.parametrize("send", SENDS.values(), ids=SENDS.keys())
unfinished = pytest.mark.parametrize("state", [state for state in State if state not in FINAL])
finished = pytest.mark.parametrize("state", sorted(FINAL))


@pytest.fixture
def sent(service: Service) -> str:
    """The id of a mail that was accepted when all was well."""
    return service.public.get("/?sendmail=me@example.com").id


def forget_the_worker(service: Service) -> None:
    service.heartbeats.end(NOON_MS)
    service.clock.pass_s(3)


def hold_the_relay(service: Service) -> None:
    service.clock.now = NOON_MS
    service.hold.begin(WORDS)
    service.clock.pass_s(10)


def status(service: Service, mail_id: str, headers: dict[str, str] | None = None) -> Answer:
    return service.public.get(f"/v1/emails/{mail_id}", headers)


@every_send
def test_where_all_is_well_the_202_says_nothing_of_it(service: Service, send: Send) -> None:
    answer = send(service, {})
    assert answer.text == f"accepted for me@example.com, status: /v1/emails/{answer.id}"
    assert "remark" not in send(service, JSON).json


@every_send
def test_the_202_says_that_no_worker_has_been_seen(service: Service, send: Send) -> None:
    forget_the_worker(service)
    answer = send(service, {})
    assert answer.status == 202
    assert answer.text == f"accepted for me@example.com, status: /v1/emails/{answer.id} ({NO_WORKER})"
    assert send(service, JSON).json["remark"] == NO_WORKER


@every_send
def test_the_202_says_since_when_the_relay_is_held_and_why_to_who_has_a_key(
    service: Service, key: str, send: Send
) -> None:
    hold_the_relay(service)
    answer = send(service, {})
    assert answer.status == 202
    assert answer.text == f"accepted for me@example.com, status: /v1/emails/{answer.id} ({HELD})"
    assert send(service, JSON).json["remark"] == HELD
    answer = send(service, {"X-API-Key": key})
    assert answer.text == f"accepted for me@example.com, status: /v1/emails/{answer.id} ({IN_FULL})"
    assert send(service, {"X-API-Key": key, **JSON}).json["remark"] == IN_FULL


@every_send
def test_the_relay_s_words_are_not_for_strangers(service: Service, send: Send, sent: str) -> None:
    hold_the_relay(service)
    for headers in ({}, JSON):
        for answer in (
            send(service, headers),
            status(service, sent, headers),
            service.public.get(f"/task_status/{sent}", headers),
        ):
            assert b"hunter2" not in answer.body


@unfinished
def test_the_status_of_a_mail_that_waits_says_that_no_worker_has_been_seen(
    service: Service, key: str, sent: str, state: State
) -> None:
    service.bring_into(sent, state)
    forget_the_worker(service)
    for headers in ({}, {"X-API-Key": key}):
        assert status(service, sent, headers).text.endswith(f" ({NO_WORKER})")
        assert status(service, sent, headers | JSON).json["remark"] == NO_WORKER


@unfinished
def test_the_status_of_a_mail_that_waits_says_since_when_the_relay_is_held_and_why_to_who_has_a_key(
    service: Service, key: str, sent: str, state: State
) -> None:
    service.bring_into(sent, state)
    hold_the_relay(service)
    assert status(service, sent).text.endswith(f" ({HELD})")
    assert status(service, sent, JSON).json["remark"] == HELD
    assert status(service, sent, {"X-API-Key": key}).text.endswith(f" ({IN_FULL})")
    assert status(service, sent, {"X-API-Key": key, **JSON}).json["remark"] == IN_FULL


@finished
def test_nothing_is_said_of_a_mail_that_waits_for_nothing_more(
    service: Service, key: str, sent: str, state: State
) -> None:
    service.bring_into(sent, state)
    forget_the_worker(service)
    hold_the_relay(service)
    for headers in ({}, {"X-API-Key": key}):
        text = status(service, sent, headers).text
        assert text.startswith(state.value)
        assert "held" not in text
        assert "(" not in text
        assert "remark" not in status(service, sent, headers | JSON).json
        task = service.public.get(f"/task_status/{sent}", headers | JSON)
        assert "held" not in json.dumps(task.json)
        assert "remark" not in task.json


def test_the_status_of_a_task_says_it_too(service: Service, key: str, sent: str) -> None:
    where = f"/task_status/{sent}"
    assert service.public.get(where).text == "PENDING queued"
    assert "remark" not in service.public.get(where, JSON).json
    forget_the_worker(service)
    assert service.public.get(where).text == f"PENDING queued ({NO_WORKER})"
    assert service.public.get(where, JSON).json["remark"] == NO_WORKER
    hold_the_relay(service)
    assert service.public.get(where).text == f"PENDING queued ({HELD})"
    assert service.public.get(where, JSON).json["remark"] == HELD
    assert service.public.get(where, {"X-API-Key": key}).text == f"PENDING queued ({IN_FULL})"
    assert service.public.get(where, {"X-API-Key": key, **JSON}).json["remark"] == IN_FULL


def test_the_202_of_a_task_says_it_too(service: Service, key: str) -> None:
    names = itertools.count()

    def notify(headers: dict[str, str]) -> Answer:
        return service.public.post_form("/notify/", f"email=me{next(names)}@example.com", headers)

    def line(headers: dict[str, str]) -> str:
        answer = notify(headers)
        assert answer.status == 202
        return answer.text.replace(answer.id, "ID")

    assert line({}) == "task ID PENDING, status: /task_status/ID"
    assert "remark" not in notify(JSON).json
    forget_the_worker(service)
    assert line({}) == f"task ID PENDING, status: /task_status/ID ({NO_WORKER})"
    assert notify(JSON).json["remark"] == NO_WORKER
    hold_the_relay(service)
    assert line({}) == f"task ID PENDING, status: /task_status/ID ({HELD})"
    assert notify(JSON).json["remark"] == HELD
    assert line({"X-API-Key": key}) == f"task ID PENDING, status: /task_status/ID ({IN_FULL})"
    assert notify({"X-API-Key": key, **JSON}).json["remark"] == IN_FULL


def test_talktome_is_not_held_and_says_nothing_of_it(service: Service) -> None:
    hold_the_relay(service)
    answer = service.public.get("/?talktome")
    assert (answer.status, "held" in answer.text) == (200, False)


def test_what_the_relay_said_makes_one_line(service: Service, key: str) -> None:
    service.hold.begin("RCPT: 550 go\r\naway\x00")
    answer = service.public.get("/?sendmail=me@example.com", {"X-API-Key": key})
    assert "550 go  away" in answer.text


def test_where_the_database_is_away_the_log_is_written_and_nobody_waits(service: Service) -> None:
    with service.without_database():
        service.clock.pass_s(3)
        assert service.outlook.remark(in_full=True) == ""
        assert service.public.get("/?talktome").status == 200
