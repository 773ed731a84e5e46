"""A dispatcher that died is missed, and another process takes its place."""

import threading
from collections.abc import Iterator

import pytest

from messaging.outbox.clock import clock_ms
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.heartbeats import Heartbeats, Role
from messaging.outbox.outbox import Outbox
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.retention import Retention
from tests.fixtures.brokers import RememberingQueue
from tests.fixtures.clock import Clock
from tests.fixtures.storage import accept
from tests.fixtures.waiting import until
from workers import dispatcher as dispatcher_module
from workers.dispatcher import Dispatcher
from workers.dispatcher_thread import DispatcherThread


@pytest.fixture
def heartbeats(database: Database) -> Heartbeats:
    return Heartbeats(database)


@pytest.fixture
def queue() -> RememberingQueue:
    return RememberingQueue()


@pytest.fixture
def thread(
    database: Database,
    heartbeats: Heartbeats,
    queue: RememberingQueue,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[DispatcherThread]:
    monkeypatch.setattr(dispatcher_module, "PERIOD_S", 0.001)
    due = DueMails(database, 5, lambda: clock_ms() + 60_000)
    dispatcher = Dispatcher(
        due, RelayHold(database, 60.0), queue, Retention(database, None), heartbeats, Confirms(database)
    )
    thread = DispatcherThread(dispatcher, heartbeats, lambda: clock() / 1000)
    yield thread
    thread.stop()
    thread.join()


def running() -> int:
    return [thread.name for thread in threading.enumerate()].count("dispatcher")


def test_where_no_dispatcher_is_seen_mails_are_dispatched_nevertheless(
    thread: DispatcherThread,
    queue: RememberingQueue,
    outbox: Outbox,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mail = accept(outbox)
    thread.start_if_missed()
    clock.pass_s(39)
    thread.start_if_missed()
    assert running() == 0  # it may be about to start
    clock.pass_s(1)
    for _ in range(3):
        thread.start_if_missed()
    until(lambda: queue.ids == [mail.id])
    assert running() == 1
    assert caplog.text.count("no dispatcher has been seen for 40 s: this worker is one from now on") == 1


def test_where_one_is_seen_there_is_no_need(thread: DispatcherThread, heartbeats: Heartbeats, clock: Clock) -> None:
    heartbeats.beat(clock_ms(), 0, Role.DISPATCHER)
    thread.start_if_missed()
    clock.pass_s(3600)
    thread.start_if_missed()
    assert running() == 0


def test_one_that_was_started_is_not_started_again(thread: DispatcherThread, clock: Clock) -> None:
    thread.start()
    thread.start_if_missed()
    clock.pass_s(3600)
    thread.start_if_missed()
    assert running() == 1


def test_a_process_that_ends_does_not_begin_to_dispatch(thread: DispatcherThread, clock: Clock) -> None:
    thread.start_if_missed()
    clock.pass_s(3600)
    thread.stop()
    thread.start_if_missed()
    assert running() == 0
    thread.join()  # it never ran
