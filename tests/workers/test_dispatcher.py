"""Whatever is due is published, in order, and neither a broker nor a database that is away loses any of it."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config.mail_queue import QueueError
from messaging.outbox.claims import Claims
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.due import PUBLISHED_FOR_MS, Due, DueMails
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.heartbeats import GONE_AFTER_MS, Heartbeats, Role
from messaging.outbox.outbox import PUBLISH_WITHIN_MS, Outbox
from messaging.outbox.records import Attempt, Finish, Outcome
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.retention import Retention
from messaging.outbox.states import State
from tests.fixtures.brokers import RememberingQueue
from tests.fixtures.clock import Clock
from tests.fixtures.storage import accept, listed
from tests.fixtures.threads import all_at_once
from tests.fixtures.waiting import until
from workers import dispatcher as module
from workers.dispatcher import REPUBLISH_BELOW, Dispatcher

WITHIN_S = PUBLISH_WITHIN_MS / 1000
LATER_S = PUBLISHED_FOR_MS / 1000
PROBE_S = 60.0
POISON_LIMIT = 5


@pytest.fixture
def queue() -> RememberingQueue:
    return RememberingQueue()


@pytest.fixture
def due_mails(database: Database, clock: Clock) -> DueMails:
    return DueMails(database, POISON_LIMIT, clock)


@pytest.fixture
def hold(database: Database, clock: Clock) -> RelayHold:
    return RelayHold(database, PROBE_S, clock)


@pytest.fixture
def heartbeats(database: Database) -> Heartbeats:
    return Heartbeats(database)


@pytest.fixture
def dispatcher(
    database: Database,
    due_mails: DueMails,
    hold: RelayHold,
    queue: RememberingQueue,
    heartbeats: Heartbeats,
    confirms: Confirms,
) -> Dispatcher:
    dispatcher = Dispatcher(due_mails, hold, queue, Retention(database, None), heartbeats, confirms)
    dispatcher.open()
    return dispatcher


@pytest.fixture
def due(outbox: Outbox, clock: Clock) -> list[str]:
    """The ids of five mails that are due, the longest due first."""
    ids = []
    for _ in range(5):
        ids.append(accept(outbox).id)
        clock.pass_s(1)
    clock.pass_s(WITHIN_S)
    return ids


def published_by(dispatcher: Dispatcher, queue: RememberingQueue) -> int:
    """How many ids the next look publishes."""
    before = len(queue.ids)
    dispatcher.step()
    return len(queue.ids) - before


@contextmanager
def running(dispatcher: Dispatcher) -> Iterator[None]:
    """Run the dispatcher during the block."""
    stop = threading.Event()
    thread = threading.Thread(target=dispatcher.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_what_is_due_is_published_in_its_order(dispatcher: Dispatcher, queue: RememberingQueue, due: list[str]) -> None:
    assert not dispatcher.step()  # nothing is left
    assert queue.ids == due


def test_what_is_not_due_is_not_published(dispatcher: Dispatcher, queue: RememberingQueue, outbox: Outbox) -> None:
    accept(outbox)
    assert published_by(dispatcher, queue) == 0
    assert queue.ids == []


def test_what_was_published_is_left_alone_for_a_while(
    dispatcher: Dispatcher, queue: RememberingQueue, due: list[str], clock: Clock
) -> None:
    dispatcher.step()
    clock.pass_s(LATER_S - 0.001)
    assert published_by(dispatcher, queue) == 0
    assert queue.ids == due


def test_what_a_broker_lost_is_published_again(
    dispatcher: Dispatcher, queue: RememberingQueue, due: list[str], clock: Clock
) -> None:
    dispatcher.step()
    clock.pass_s(LATER_S)
    assert published_by(dispatcher, queue) == 5
    assert sorted(queue.ids) == sorted(due * 2)


def test_a_backlog_does_not_multiply_itself(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    due: list[str],
    due_mails: DueMails,
    outbox: Outbox,
    clock: Clock,
) -> None:
    dispatcher.step()
    queue.pretended_depth = REPUBLISH_BELOW
    for _ in range(5):
        clock.pass_s(LATER_S)
        assert published_by(dispatcher, queue) == 0
        # They count as published: the next look does not find them again.
        assert len(due_mails.take(10)) == 0
    assert queue.ids == due
    # What is new does not have to wait for the backlog.
    fresh = accept(outbox).id
    clock.pass_s(WITHIN_S)
    dispatcher.step()
    assert queue.ids == [*due, fresh]
    queue.pretended_depth = REPUBLISH_BELOW - 1
    clock.pass_s(LATER_S)
    dispatcher.step()
    assert sorted(queue.ids) == sorted([*due, fresh] * 2)


@pytest.mark.slow
def test_a_backlog_that_a_broker_lost_is_published_again_without_a_pause(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    outbox: Outbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BATCH", 10)
    monkeypatch.setattr(module, "REPUBLISH_BELOW", 20)
    ids = sorted(accept(outbox).id for _ in range(100))
    clock.pass_s(WITHIN_S)
    while dispatcher.step():
        pass
    assert sorted(queue.ids) == ids
    queue.ids.clear()  # its data was wiped
    clock.pass_s(LATER_S)
    while dispatcher.step():
        pass
    # What is lacking then may as well be in the hands of workers.
    assert 80 < len(set(queue.ids)) == len(queue.ids)
    for _ in range(10):
        clock.pass_s(LATER_S)
        while dispatcher.step():
            pass
    assert len(queue.ids) <= 100 + 20


@pytest.mark.slow
def test_what_came_while_the_broker_was_away_is_not_taken_for_what_it_lost(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    outbox: Outbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BATCH", 10)
    monkeypatch.setattr(module, "REPUBLISH_BELOW", 20)
    mails = 0
    for _ in range(3):
        for _ in range(100):
            accept(outbox)
            mails += 1
        for down in ("gone", None):
            queue.down = down
            for _ in range(5):
                clock.pass_s(LATER_S)
                with contextlib.suppress(QueueError):
                    while dispatcher.step():
                        pass
        assert mails <= len(queue.ids) <= mails + 20


def test_what_the_broker_does_not_take_is_due_again_soon(
    dispatcher: Dispatcher, queue: RememberingQueue, due: list[str], clock: Clock
) -> None:
    queue.script = [None, None, "gone", "gone", "gone"]
    with pytest.raises(QueueError, match="gone"):
        dispatcher.step()
    assert queue.ids == due[:2]
    assert published_by(dispatcher, queue) == 0
    clock.pass_s(WITHIN_S)
    assert published_by(dispatcher, queue) == 3
    assert sorted(queue.ids) == sorted(due)


def test_a_broker_that_cannot_say_how_much_it_has_loses_nothing(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    due: list[str],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def depth() -> int:
        raise QueueError("gone")

    dispatcher.step()
    clock.pass_s(LATER_S)
    with monkeypatch.context() as patch:
        patch.setattr(queue, "depth", depth)
        with pytest.raises(QueueError, match="gone"):
            dispatcher.step()
    clock.pass_s(WITHIN_S)
    assert published_by(dispatcher, queue) == 5
    assert sorted(queue.ids) == sorted(due * 2)


def test_several_dispatchers_publish_each_mail_once(
    database: Database,
    due_mails: DueMails,
    hold: RelayHold,
    heartbeats: Heartbeats,
    confirms: Confirms,
    due: list[str],
) -> None:
    queues = [RememberingQueue() for _ in range(6)]

    def step(queue: RememberingQueue) -> None:
        dispatcher = Dispatcher(due_mails, hold, queue, Retention(database, None), heartbeats, confirms)
        dispatcher.open()
        dispatcher.step()

    all_at_once(step, queues)
    assert sorted(mail_id for queue in queues for mail_id in queue.ids) == sorted(due)


def test_a_full_batch_is_followed_by_the_next_at_once(
    dispatcher: Dispatcher, queue: RememberingQueue, due: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(module, "PERIOD_S", 1000.0)
    with running(dispatcher):
        until(lambda: queue.ids == due)


def test_it_ends_at_once(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 1000.0)
    with running(dispatcher):
        pass


def test_it_survives_a_broker_that_goes_away_and_comes_back(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    due: list[str],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.001)
    caplog.set_level(logging.INFO, module.__name__)
    queue.down = "ConnectionRefusedError: nobody listens"
    with running(dispatcher):
        for _ in range(3):
            assert queue.arrived.acquire(timeout=10)
            clock.pass_s(WITHIN_S)
        queue.down = None
        clock.pass_s(WITHIN_S)
        until(lambda: set(queue.ids) == set(due))
        until(lambda: len(caplog.records) == 2)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "ConnectionRefusedError" in caplog.messages[0]


def test_it_does_not_say_that_a_broker_is_back_while_there_is_nothing_to_publish(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    due: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.001)
    caplog.set_level(logging.INFO, module.__name__)
    queue.down = "ConnectionRefusedError: nobody listens"
    looked = threading.Semaphore(0)
    step = dispatcher.step

    def remembered_step() -> bool:
        looked.release()
        return step()

    monkeypatch.setattr(dispatcher, "step", remembered_step)
    with running(dispatcher):
        for _ in range(4):
            assert looked.acquire(timeout=10)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_it_survives_a_database_that_goes_away_and_comes_back(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    due: list[str],
    due_mails: DueMails,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.001)
    caplog.set_level(logging.INFO, module.__name__)
    asked = threading.Semaphore(0)

    def take(_most: int) -> Due:
        asked.release()
        raise OutboxUnavailableError("unable to open database file")

    with monkeypatch.context() as patch:
        patch.setattr(due_mails, "take", take)
        with running(dispatcher):
            for _ in range(3):
                assert asked.acquire(timeout=10)
            patch.undo()
            until(lambda: queue.ids == due)
            until(lambda: len(caplog.records) == 2)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


class OneLook(threading.Event):
    """A stop that comes in the pause after the first look, and remembers for how long that was to be."""

    pause_s: float | None = None

    def wait(self, timeout: float | None = None) -> bool:
        self.pause_s = timeout
        self.set()
        return True


def test_it_looks_no_sooner_again_while_the_broker_is_away(
    dispatcher: Dispatcher, queue: RememberingQueue, due: list[str]
) -> None:
    queue.down = "ConnectionRefusedError: nobody listens"
    stop = OneLook()
    dispatcher.run(stop)
    assert stop.pause_s == module.PERIOD_S


def test_nor_while_the_database_is(
    dispatcher: Dispatcher, due_mails: DueMails, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take(_most: int) -> Due:
        raise OutboxUnavailableError("unable to open database file")

    monkeypatch.setattr(due_mails, "take", take)
    stop = OneLook()
    dispatcher.run(stop)
    assert stop.pause_s == module.PERIOD_S


def test_ids_of_a_confirm_that_could_not_be_noted_are_published_again_and_not_lost(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    due: list[str],
    due_mails: DueMails,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def mark_published(_ids: object) -> None:
        raise OutboxUnavailableError("database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(due_mails, "mark_published", mark_published)
        with pytest.raises(OutboxUnavailableError):
            dispatcher.step()
    assert queue.ids == due
    clock.pass_s(WITHIN_S)
    assert published_by(dispatcher, queue) == 5


def test_the_time_of_a_confirm_is_that_at_which_it_came_also_where_a_worker_was_faster(
    database: Database,
    due_mails: DueMails,
    hold: RelayHold,
    heartbeats: Heartbeats,
    confirms: Confirms,
    outbox: Outbox,
    clock: Clock,
) -> None:
    mails = [accept(outbox) for _ in range(3)]
    clock.pass_s(WITHIN_S)
    began, claims = clock(), Claims(database, 60.0, clock)

    def take(mail_id: str) -> None:
        clock.pass_s(1)
        assert claims.claim(mail_id)

    dispatcher = Dispatcher(due_mails, hold, RememberingQueue(take), Retention(database, None), heartbeats, confirms)
    dispatcher.open()
    dispatcher.step()
    assert [outbox.published_at(mail.id) for mail in mails] == [began + 1000, began + 2000, began + 3000]


def test_what_the_broker_refuses_or_still_has_was_not_published_now(
    dispatcher: Dispatcher, queue: RememberingQueue, outbox: Outbox, due: list[str], clock: Clock
) -> None:
    queue.script = [None, "gone"]
    queue.down = "gone"
    first = clock()
    with pytest.raises(QueueError, match="gone"):
        dispatcher.step()
    assert [outbox.published_at(mail_id) for mail_id in due] == [first] + [None] * 4
    queue.down, queue.pretended_depth = None, REPUBLISH_BELOW
    clock.pass_s(LATER_S)
    dispatcher.step()
    assert [outbox.published_at(mail_id) for mail_id in due] == [first] + [clock()] * 4


def test_it_is_seen_while_it_runs_and_gone_when_it_ended(
    dispatcher: Dispatcher, heartbeats: Heartbeats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.001)
    monkeypatch.setattr(module, "_BEAT_EVERY_S", 0.01)
    with running(dispatcher):
        until(lambda: heartbeats.alive(Role.DISPATCHER))
        (seen,) = heartbeats.alive(Role.DISPATCHER)
        until(lambda: heartbeats.alive(Role.DISPATCHER)[0].seen_at > seen.seen_at)
    assert heartbeats.alive(Role.DISPATCHER) == []
    assert heartbeats.alive() == []


@pytest.mark.slow
def test_it_is_seen_while_a_broker_keeps_it_waiting(
    dispatcher: Dispatcher,
    heartbeats: Heartbeats,
    queue: RememberingQueue,
    due: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_BEAT_EVERY_S", 0.01)
    queue.hold_up()
    with running(dispatcher):
        assert queue.arrived.acquire(timeout=10)
        (seen,) = heartbeats.alive(Role.DISPATCHER)
        until(lambda: heartbeats.alive(Role.DISPATCHER)[0].seen_at > seen.seen_at)
        queue.go_on()


def test_the_database_may_go_while_a_broker_keeps_it_waiting(
    dispatcher: Dispatcher,
    heartbeats: Heartbeats,
    queue: RememberingQueue,
    due: list[str],
    outbox: Outbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_BEAT_EVERY_S", 0.01)
    monkeypatch.setattr(module, "PERIOD_S", 0.01)
    beat, tried = heartbeats.beat, threading.Semaphore(0)

    def fail(*_arguments: object) -> None:
        tried.release()
        raise OutboxUnavailableError("away")

    queue.hold_up()
    with running(dispatcher):
        assert queue.arrived.acquire(timeout=10)
        monkeypatch.setattr(heartbeats, "beat", fail)
        assert tried.acquire(timeout=10)
        monkeypatch.setattr(heartbeats, "beat", beat)
        queue.go_on()
        until(lambda: set(due) <= set(queue.ids))
        later = accept(outbox)
        clock.pass_s(10)
        until(lambda: later.id in queue.ids)


def test_a_broker_that_keeps_it_waiting_does_not_keep_it_from_ending(
    dispatcher: Dispatcher, queue: RememberingQueue, due: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.01)
    queue.hold_up()
    with running(dispatcher):
        assert queue.arrived.acquire(timeout=10)


def test_it_says_often_enough_that_it_lives() -> None:
    assert module._BEAT_EVERY_S * 3 * 1000 < GONE_AFTER_MS


# While the relay is held.


def test_while_the_relay_is_held_one_probe_goes_at_a_time(
    dispatcher: Dispatcher, queue: RememberingQueue, due: list[str], hold: RelayHold, clock: Clock
) -> None:
    hold.begin("Connection refused")
    assert not dispatcher.step()
    assert queue.ids == []
    for probes in range(1, 4):
        clock.pass_s(PROBE_S)
        for _ in range(3):
            assert not dispatcher.step()
        # Another one each time: it may be the mail.
        assert queue.ids == due[:probes]
    hold.release()
    clock.pass_s(WITHIN_S)
    dispatcher.step()
    assert sorted(queue.ids[3:]) == sorted(due)


def test_with_nothing_to_probe_with_nothing_is_published(
    dispatcher: Dispatcher, queue: RememberingQueue, hold: RelayHold, clock: Clock
) -> None:
    hold.begin("Connection refused")
    clock.pass_s(PROBE_S)
    assert not dispatcher.step()
    assert queue.ids == []


def test_a_probe_that_kills_its_workers_fails_and_another_mail_is_tried(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    outbox: Outbox,
    database: Database,
    hold: RelayHold,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hold.begin("Connection refused")
    poison = accept(outbox)
    claims = Claims(database, 1.0, clock)
    clock.pass_s(PROBE_S)
    for _ in range(POISON_LIMIT):
        dispatcher.step()
        assert claims.claim(poison.id)
        clock.pass_s(PROBE_S)
    other = accept(outbox)
    dispatcher.step()
    assert queue.ids == [poison.id] * POISON_LIMIT + [other.id]
    after = outbox.read(poison.id)
    assert after is not None
    assert after.state is State.FAILED
    assert caplog.text.count(f"mail {poison.id} failed: worker after worker died with it") == 1
    assert hold.read() is not None


def test_what_a_dead_worker_had_in_hand_does_not_count_as_being_sent_for_as_long_as_the_hold_lasts(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    outbox: Outbox,
    database: Database,
    hold: RelayHold,
    clock: Clock,
) -> None:
    mail = accept(outbox)
    assert Claims(database, 1.0, clock).claim(mail.id)
    hold.begin("Connection refused")
    clock.pass_s(1)
    dispatcher.step()
    after = outbox.read(mail.id)
    assert after is not None
    assert after.state is State.QUEUED
    assert queue.ids == []


# What is finished, and what never will be.


def test_poison_is_told_and_not_published(
    dispatcher: Dispatcher,
    queue: RememberingQueue,
    outbox: Outbox,
    database: Database,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mail = accept(outbox)
    claims = Claims(database, 1.0, clock)
    for _ in range(POISON_LIMIT):
        assert claims.claim(mail.id)
        clock.pass_s(1)
        queue.ids.clear()
        dispatcher.step()
    assert queue.ids == []
    after = outbox.read(mail.id)
    assert after is not None
    assert after.state is State.FAILED
    assert caplog.text.count(f"mail {mail.id} failed: worker after worker died with it") == 1


@pytest.mark.parametrize("held", [False, True])
def test_what_has_been_finished_for_long_enough_is_removed_by_and_by(
    held: bool,
    due_mails: DueMails,
    hold: RelayHold,
    queue: RememberingQueue,
    heartbeats: Heartbeats,
    outbox: Outbox,
    database: Database,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PERIOD_S", 0.001)
    claims = Claims(database, 60.0, clock)
    old = [accept(outbox) for _ in range(3)]
    for mail in old:
        claim = claims.claim(mail.id)
        assert claim is not None
        attempt = Attempt(1, clock(), 0, 0, Outcome.SENT, 250, "Ok")
        assert claims.finish(Finish(claim, State.SENT, None, charged=True, attempt=attempt))
    if held:
        hold.begin("Connection refused")
    retention = Retention(database, 1000.0, clock)
    dispatcher = Dispatcher(due_mails, hold, queue, retention, heartbeats, Confirms(database, clock))
    with running(dispatcher):
        clock.pass_s(1001)
        young = accept(outbox)
        until(lambda: [mail.id for mail in listed(outbox)] == [young.id])
