"""Cancel and retry, for one mail and for many."""

import contextlib
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from messaging.outbox import steering as module
from messaging.outbox.ids import first_id, time_of
from messaging.outbox.states import State
from messaging.outbox.steering import Steering
from tests.fixtures.client import JSON, Answer
from tests.fixtures.service import Service
from tests.fixtures.storage import accept, connected

NOBODY = "0190a000-0000-7000-8000-000000000000"

NOT_CANCELABLE = [State.SENDING, State.SENT, State.TESTED, State.FAILED, State.CANCELED]
NOT_RETRYABLE = [State.SCHEDULED, State.QUEUED, State.SENDING, State.SENT, State.TESTED, State.CANCELED]


def done(changed: int) -> dict[str, object]:
    """The answer where none is left."""
    return {"dry_run": False, "changed": changed, "left": 0, "before": None, "after": None}


@pytest.fixture
def sent(service: Service) -> str:
    """The id of a mail that waits to be sent."""
    return service.public.get("/?sendmail=me@example.com").id


def steer(service: Service, mail_id: str, deed: str, key: str) -> Answer:
    return service.public.request("POST", f"/v1/emails/{mail_id}/{deed}", headers={"X-API-Key": key, **JSON})


def steer_all(service: Service, deed: str, key: str, **fields: object) -> Answer:
    return service.public.post_json(f"/v1/emails/{deed}", fields, {"X-API-Key": key})


@pytest.mark.parametrize("state", [State.SCHEDULED, State.QUEUED, State.RETRYING])
def test_a_mail_that_waits_is_canceled(service: Service, key: str, sent: str, state: State) -> None:
    service.bring_into(sent, state)
    answer = steer(service, sent, "cancel", key)
    assert (answer.status, answer.json["state"], answer.json["due_at"]) == (200, "canceled", None)
    assert answer.json["finished_at"] is not None
    assert service.claims.claim(sent) is None


@pytest.mark.parametrize("state", NOT_CANCELABLE)
def test_any_other_is_not_and_the_answer_says_why(service: Service, key: str, sent: str, state: State) -> None:
    service.bring_into(sent, state)
    before = service.mails
    answer = steer(service, sent, "cancel", key)
    assert (answer.status, answer.json["state"]) == (409, state.value)
    assert answer.json["detail"] == f"the mail is {state.value}"
    assert service.mails == before


def test_a_mail_that_failed_begins_anew_and_is_published_at_once(service: Service, key: str, sent: str) -> None:
    service.confirms.came([sent])
    service.confirms.note()
    service.bring_into(sent, State.FAILED)
    service.publisher.ids.clear()
    answer = steer(service, sent, "retry", key)
    assert (answer.status, answer.json["state"], answer.json["finished_at"]) == (200, "queued", None)
    assert answer.json["published_at"] == answer.json["created_at"]  # until it is published again
    assert len(answer.json["attempts"]) == 1
    assert service.publisher.ids == [sent]
    claim = service.claims.claim(sent)
    assert claim is not None
    assert claim.mail.attempts == 1


def test_a_mail_that_waits_for_its_next_attempt_is_tried_at_once(service: Service, key: str, sent: str) -> None:
    service.bring_into(sent, State.RETRYING)
    service.publisher.ids.clear()
    assert steer(service, sent, "retry", key).json["state"] == "queued"
    assert service.publisher.ids == [sent]
    claim = service.claims.claim(sent)
    assert claim is not None
    assert claim.mail.attempts == 2


@pytest.mark.parametrize("state", NOT_RETRYABLE)
def test_no_other_is_retried(service: Service, key: str, sent: str, state: State) -> None:
    service.bring_into(sent, state)
    service.publisher.ids.clear()
    answer = steer(service, sent, "retry", key)
    assert (answer.status, answer.json["state"]) == (409, state.value)
    assert service.publisher.ids == []


@pytest.mark.parametrize("deed", ["cancel", "retry"])
@pytest.mark.parametrize("mail_id", [NOBODY, "1", NOBODY.upper()])
def test_there_is_no_mail_of_another_id(service: Service, key: str, deed: str, mail_id: str) -> None:
    assert steer(service, mail_id, deed, key).status == 404


@pytest.mark.parametrize("target", ["{}/cancel", "{}/retry", "cancel", "retry"])
@pytest.mark.parametrize("body", [b"", b'{"key": "nonsense"}'])
def test_strangers_steer_nothing(service: Service, sent: str, target: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"} if body else {}
    before = service.mails
    assert service.public.request("POST", f"/v1/emails/{target.format(sent)}", body, headers).status == 401
    assert service.mails == before


@pytest.mark.parametrize("deed", ["cancel", "retry"])
def test_a_key_may_stand_in_the_body(service: Service, key: str, sent: str, deed: str) -> None:
    service.bring_into(sent, State.RETRYING)
    assert service.public.post_json(f"/v1/emails/{sent}/{deed}", {"key": key}).status == 200
    assert service.public.post_form(f"/v1/emails/{deed}", f"key={key}&dry_run=true").status == 200


def test_a_key_steers_no_mail_that_it_does_not_see(service: Service, sent: str) -> None:
    for few in (service.keys.add("few", recipients=["@example.org"]), service.keys.add("ci", test=True)):
        answer = steer(service, sent, "cancel", few)
        assert (answer.status, answer.json["detail"]) == (403, "this mail is none of this key's")
        assert steer_all(service, "cancel", few).json == done(0)
    assert service.mails[0].state is State.QUEUED


@pytest.fixture
def many(service: Service) -> dict[str, State]:
    """Mails in every state, by their ids."""
    many: dict[str, State] = {}
    for number, state in enumerate(State):
        mail_id = service.public.get(f"/?sendmail=m{number}@example{number % 2}.com").id
        service.bring_into(mail_id, state)
        many[mail_id] = state
    return many


def states(service: Service) -> dict[str, State]:
    return {mail.id: mail.state for mail in service.mails}


def test_all_that_wait_are_canceled(service: Service, key: str, many: dict[str, State]) -> None:
    assert steer_all(service, "cancel", key).json == done(3)
    waited = (State.SCHEDULED, State.QUEUED, State.RETRYING)
    assert states(service) == {mail_id: State.CANCELED if state in waited else state for mail_id, state in many.items()}


def test_all_that_failed_or_wait_for_an_attempt_are_retried(service: Service, key: str, many: dict[str, State]) -> None:
    assert steer_all(service, "retry", key).json == done(2)
    retried = (State.FAILED, State.RETRYING)
    assert states(service) == {mail_id: State.QUEUED if state in retried else state for mail_id, state in many.items()}


@pytest.mark.parametrize(
    ("deed", "fields", "count"),
    [
        ("cancel", {}, 3),
        ("cancel", {"state": "queued"}, 1),
        ("cancel", {"to": "@example1.com"}, 2),
        ("cancel", {"to": "m1@example1.com"}, 1),
        ("cancel", {"to": "m1@example1.com", "state": "retrying"}, 0),
        ("cancel", {"before": NOBODY}, 0),
        ("retry", {"state": "failed"}, 1),
        ("retry", {"to": "m9@example1.com"}, 0),
    ],
)
def test_a_dry_run_counts_what_would_be_changed_and_changes_nothing(
    service: Service, key: str, many: dict[str, State], deed: str, fields: dict[str, str], count: int
) -> None:
    answer = steer_all(service, deed, key, dry_run=True, **fields)
    counted = answer.json
    assert (counted["dry_run"], counted["changed"], counted["left"]) == (True, 0, count)
    assert counted["before"] == fields.get("before", first_id(time_of(max(many)) + 1))
    assert states(service) == many
    answer = steer_all(service, deed, key, **fields)
    assert answer.json == {**done(count), "before": fields.get("before")}


@pytest.mark.parametrize("deed", ["cancel", "retry"])
def test_what_comes_after_the_count_is_left_alone(
    service: Service, key: str, many: dict[str, State], deed: str
) -> None:
    counted = steer_all(service, deed, key, dry_run=True).json
    service.clock.pass_s(0.001)
    late = service.public.get("/?sendmail=late@example.com").id
    service.bring_into(late, State.RETRYING)
    answer = steer_all(service, deed, key, before=counted["before"], limit=counted["left"])
    assert (answer.json["changed"], answer.json["left"]) == (counted["left"], 0)
    assert states(service)[late] is State.RETRYING


def test_the_bound_of_a_count_is_no_mail_s_id(service: Service, many: dict[str, State]) -> None:
    few = service.keys.add("few", recipients=["@example.org"])
    before = steer_all(service, "retry", few, dry_run=True).json["before"]
    assert not before.startswith(tuple(mail_id[:20] for mail_id in many))


def test_what_is_tried_again_and_fails_at_once_does_not_keep_others_from_it(service: Service, key: str) -> None:
    ids = []
    for number in range(5):
        service.clock.pass_s(1)
        ids.append(service.public.get(f"/?sendmail=m{number}@example.com").id)
        service.bring_into(ids[-1], State.FAILED)
    retried: list[str] = []
    answer: dict[str, object] = {"after": None}
    while len(retried) < 5:
        after = {"after": answer["after"]} if answer["after"] else {}
        answer = steer_all(service, "retry", key, limit=2, **after).json
        queued = sorted(mail_id for mail_id, state in states(service).items() if state is State.QUEUED)
        retried += queued
        for mail_id in queued:
            service.bring_into(mail_id, State.FAILED)
    assert retried == ids
    assert (answer["left"], answer["after"]) == (0, None)


@pytest.mark.parametrize("limit", ["limit=2", "limit=2&dry_run=false"])
def test_a_form_has_a_limit_too(service: Service, key: str, limit: str) -> None:
    for number in range(3):
        service.public.get(f"/?sendmail=m{number}@example.com")
    answer = service.public.post_form("/v1/emails/cancel", limit, {"X-API-Key": key, **JSON})
    assert (answer.json["changed"], answer.json["left"]) == (2, 1)
    assert answer.json["after"] == sorted(states(service))[1]


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"state": "sent"}, 422, "state"),
        ({"state": "sending"}, 422, "state"),
        ({"state": ["queued"]}, 422, "state"),
        ({"to": "me"}, 422, "to"),
        ({"before": "1"}, 422, "before"),
        ({"dry_run": "maybe"}, 422, "dry_run"),
        ({"dry_run": 1}, 422, "dry_run"),
        ({"dry_run": []}, 422, "dry_run"),
        ({"dry_run": None}, 422, "dry_run"),
        ({"after": "1"}, 422, "after"),
        ({"after": None}, 422, "after"),
        ({"limit": 0}, 422, "limit"),
        ({"limit": 10_001}, 422, "limit"),
        ({"limit": True}, 422, "limit"),
        ({"limit": 1.5}, 422, "limit"),
        ({"limit": "many"}, 422, "limit"),
        ({"step": "1"}, 400, "step"),
    ],
)
@pytest.mark.parametrize("deed", ["cancel", "retry"])
def test_what_is_wrong_is_refused(
    service: Service, key: str, many: dict[str, State], deed: str, fields: dict[str, object], status: int, field: str
) -> None:
    answer = steer_all(service, deed, key, **fields)
    assert (answer.status, answer.json.get("field")) == (status, field)
    assert states(service) == many


@pytest.mark.parametrize("target", ["{}/cancel", "{}/retry", "cancel", "retry"])
def test_without_the_database_nothing_is_steered(
    service: Service, key: str, sent: str, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    steer_all(service, "cancel", key, dry_run=True)
    with service.without_database():
        answer = service.public.request("POST", f"/v1/emails/{target.format(sent)}", headers={"X-API-Key": key, **JSON})
    assert (answer.status, answer.json["detail"]) == (503, "the outbox is not available; no mail was changed")
    assert f"request {answer.headers['X-Request-ID']}: the outbox is not available: " in caplog.text
    assert service.mails[0].state is State.QUEUED


@pytest.mark.parametrize("mails", [2, 5])
def test_where_the_database_goes_away_meanwhile_the_answer_says_what_was_done(
    service: Service, key: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mails: int
) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    ids = sorted(accept(service.outbox).id for _ in range(mails))
    headers = {"X-API-Key": key}
    steer_all(service, "cancel", key, dry_run=True)
    with contextlib.ExitStack() as outage:
        away = SimpleNamespace(sleep=lambda _s: outage.enter_context(service.without_database()))
        monkeypatch.setattr(module, "time", away)
        answer = steer_all(service, "cancel", key)
        assert answer.status == 200
        assert answer.json == {
            "dry_run": False,
            "changed": 2,
            "left": None,
            "before": None,
            "after": ids[1],
            "trouble": "the outbox is not available",
        }
        assert "the outbox is not available any more: unable to open database file" in caplog.text
        assert steer_all(service, "cancel", key, after=ids[1]).status == 503
    monkeypatch.undo()
    assert [mail_id for mail_id in ids if states(service)[mail_id] is State.CANCELED] == ids[:2]
    answer = service.public.post_form("/v1/emails/cancel", f"after={ids[1]}", headers)
    assert answer.text == f"{mails - 2} mails canceled, 0 left"


def test_the_line_says_too_that_it_was_broken_off(
    service: Service, key: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as outage:
        away = SimpleNamespace(sleep=lambda _s: outage.enter_context(service.without_database()))
        monkeypatch.setattr(module, "time", away)
        answer = service.public.request("POST", "/v1/emails/cancel", headers={"X-API-Key": key})
    assert answer.text == "1 mails canceled; the outbox is not available any more, others may be left"


def test_one_mail_is_left_as_it_was_where_its_history_cannot_be_read(service: Service, key: str, sent: str) -> None:
    with connected(service.database_path) as connection:
        connection.execute("ALTER TABLE attempts RENAME TO moved")
    assert steer(service, sent, "cancel", key).status == 503
    with connected(service.database_path) as connection:
        connection.execute("ALTER TABLE moved RENAME TO attempts")
    assert service.mails[0].state is State.QUEUED


def test_many_are_changed_by_one_request_at_a_time(
    service: Service, key: str, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    change = Steering._change

    def slow(*arguments: Any) -> int:
        begun.set()
        assert go_on.wait(20)
        return change(*arguments)

    monkeypatch.setattr(Steering, "_change", slow)
    answers: list[Answer] = []
    first = threading.Thread(target=lambda: answers.append(steer_all(service, "cancel", key)))
    first.start()
    assert begun.wait(20)
    second = steer_all(service, "retry", key)
    assert steer_all(service, "retry", key, dry_run=True).status == 200
    go_on.set()
    first.join()
    assert (second.status, second.json["detail"]) == (429, "many mails are being changed already")
    assert answers[0].json == done(1)
    assert steer_all(service, "retry", key).json == done(0)
