"""`GET /v1/overview`: how all of it stands."""

import contextlib

import pytest

from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.heartbeats import Role
from messaging.outbox.retention import Retention
from messaging.outbox.states import State
from messaging.outbox.steering import RETRY
from tests.fixtures.client import JSON, Answer
from tests.fixtures.service import MakeService, Service


@pytest.fixture
def service(make_service: MakeService) -> Service:
    return make_service(OPEN_PER_RECIPIENT="off", OPEN_PER_CLIENT="off")


def ask(service: Service, key: str) -> Answer:
    # What is known is a moment old for who asks at the same time; here each asks anew.
    service.overseer._good_until = 0.0
    with contextlib.suppress(OutboxUnavailableError):
        Retention(service.database, None, service.clock).prune()
    return service.public.get("/v1/overview", {"X-API-Key": key, **JSON})


def send(service: Service, state: State) -> str:
    mail_id = service.public.post_form("/", "sendmail=me@example.com").id
    service.bring_into(mail_id, state)
    return mail_id


def test_it_counts_the_mails_in_every_state(service: Service, key: str) -> None:
    for number, state in enumerate(State):
        for _ in range(number + 1):
            send(service, state)
    counts = {state.value: number + 1 for number, state in enumerate(State)}
    answer = ask(service, key)
    assert answer.json["states"] == counts
    text = service.public.get("/v1/overview", {"X-API-Key": key}).text
    assert text == ", ".join(f"{count} {state}" for state, count in counts.items())


def test_it_is_right_whatever_becomes_of_finished_mails(service: Service, key: str) -> None:
    failed = [send(service, State.FAILED) for _ in range(2)]
    for _ in range(3):
        send(service, State.SENT)
    service.steering.do(RETRY, failed[0])
    assert ask(service, key).json["states"]["failed"] == 1
    service.clock.pass_s(3600)
    send(service, State.SENT)
    Retention(service.database, 60, service.clock).prune()
    states = ask(service, key).json["states"]
    assert (states["sent"], states["failed"], states["queued"]) == (1, 0, 1)


def test_the_mail_that_has_waited_longest(service: Service, key: str) -> None:
    assert ask(service, key).json["oldest_waiting"] is None
    send(service, State.SENT)
    send(service, State.SCHEDULED)
    service.clock.pass_s(1)
    oldest = send(service, State.RETRYING)
    send(service, State.QUEUED)
    assert ask(service, key).json["oldest_waiting"] == {
        "id": oldest,
        "state": "retrying",
        "created_at": "2026-03-01T12:00:02.000Z",
    }


def test_what_was_sent_and_failed_over_time(service: Service, key: str) -> None:
    send(service, State.SENT)
    service.clock.pass_s(3 * 3600)
    send(service, State.FAILED)
    send(service, State.SENT)
    service.clock.pass_s(120)
    send(service, State.SENT)
    document = ask(service, key).json
    minutes, hours = document["minutes"], document["hours"]
    assert (minutes["since"], minutes["step_s"]) == ("2026-03-01T14:03:00.000Z", 60)
    assert minutes["sent"] == [0] * 57 + [1, 0, 1]
    assert minutes["failed"] == [0] * 57 + [1, 0, 0]
    assert (hours["since"], hours["step_s"]) == ("2026-02-22T16:00:00.000Z", 3600)
    assert hours["sent"] == [0] * 164 + [1, 0, 0, 2]
    assert hours["failed"] == [0] * 167 + [1]


def test_who_works_and_why_nobody_does(service: Service, key: str) -> None:
    service.heartbeats.beat(service.clock(), 3)
    service.heartbeats.beat(service.clock(), 0, Role.DISPATCHER)
    service.hold.begin("535 5.7.8 Bad credentials")
    service.queue.pretended_depth = 7
    document = ask(service, key).json
    (worker,), (dispatcher,) = document["workers"], document["dispatchers"]
    assert (worker["in_flight"], worker["seen_at"]) == (3, "2026-03-01T12:00:00.000Z")
    assert dispatcher["pid"] == worker["pid"]
    assert document["hold"] == {
        "reason": "535 5.7.8 Bad credentials",
        "since": "2026-03-01T12:00:00.000Z",
        "probe_at": "2026-03-01T12:01:00.000Z",
    }
    assert document["queue"] == {"length": 7}


def test_who_is_gone_and_did_not_end_is_shown_with_its_last_heartbeat(service: Service, key: str) -> None:
    service.clock.pass_s(1)
    service.heartbeats.beat(service.clock(), 3)
    service.heartbeats.beat(service.clock(), 0, Role.DISPATCHER)
    assert ask(service, key).json["gone"] == {"workers": [], "dispatchers": []}
    service.clock.pass_s(60)
    document = ask(service, key).json
    assert (document["workers"], document["dispatchers"]) == ([], [])
    worker, _ = document["gone"]["workers"]  # the other one is the service's own
    assert (worker["in_flight"], worker["seen_at"]) == (3, "2026-03-01T12:00:01.000Z")
    (dispatcher,) = document["gone"]["dispatchers"]
    assert dispatcher["seen_at"] == "2026-03-01T12:00:01.000Z"


def test_a_broker_that_does_not_say_how_long_its_queue_is(service: Service, key: str) -> None:
    service.queue.silent = "connection refused"
    assert ask(service, key).json["queue"] == {"length": None, "trouble": "connection refused"}


def test_who_asks_again_soon_hears_the_same(service: Service, key: str) -> None:
    tag = ask(service, key).headers["ETag"]
    send(service, State.SENT)
    answer = service.public.get("/v1/overview", {"X-API-Key": key, "If-None-Match": tag, **JSON})
    assert (answer.status, answer.body) == (304, b"")
    assert ask(service, key).json["states"]["sent"] == 1


def test_keys_that_see_some_mails_and_strangers_see_no_overview(service: Service) -> None:
    assert service.public.get("/v1/overview").status == 401
    for key in (service.keys.add("few", recipients=["@example.com"]), service.keys.add("ci", test=True)):
        assert ask(service, key).status == 403


def test_without_the_database_there_is_no_overview(service: Service, key: str) -> None:
    ask(service, key)
    with service.without_database():
        assert ask(service, key).status == 503
