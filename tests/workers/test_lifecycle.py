"""A worker that has to end lets its conversations go on for a while, and then gives its mails back."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dramatiq import Worker

from config.broker import make_broker
from config.broker_url import BrokerUrl
from config.memory_broker import MemoryBroker
from messaging.outbox.clock import clock_ms
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.heartbeats import Heartbeats, Role
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail, Outcome
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.retention import Retention
from messaging.outbox.states import State
from tests.fixtures.brokers import RememberingQueue, message_for
from tests.fixtures.flaky import FlakyClaims
from tests.fixtures.storage import accept, locked
from tests.fixtures.transports import ScriptedTransport
from tests.fixtures.waiting import until
from workers import dispatcher_thread, embedded
from workers import lifecycle as module
from workers.actor import declare_actor
from workers.delivery import Delivery
from workers.dispatcher import Dispatcher
from workers.dispatcher_thread import DispatcherThread
from workers.errors import BusyError
from workers.leases import Leases
from workers.lifecycle import Lifecycle

pytestmark = pytest.mark.slow

THREADS = 4


class Running:
    """A real Dramatiq worker with its actor, on the embedded broker and a scripted transport."""

    def __init__(
        self, database: Database, *, lease_s: float = 120.0, forks: tuple[Callable[[], int], ...] = ()
    ) -> None:
        self.outbox = Outbox(database)
        self.claims = FlakyClaims(database, lease_s)
        self.due = DueMails(database, 5)
        self.heartbeats = Heartbeats(database)
        self.transport = ScriptedTransport()
        self.leases = Leases(self.claims)
        hold = RelayHold(database, 60.0)
        delivery = Delivery(self.claims, self.leases, hold, self.transport, (60.0,))
        self.queue = RememberingQueue()
        dispatcher = Dispatcher(
            self.due, hold, self.queue, Retention(database, None), self.heartbeats, Confirms(database)
        )
        thread = DispatcherThread(dispatcher, self.heartbeats)
        self.lifecycle = Lifecycle(
            delivery, self.leases, self.heartbeats, self.transport, thread, lease_s, list(forks), database.hurry
        )
        broker = make_broker(BrokerUrl(), [self.lifecycle])
        assert isinstance(broker, MemoryBroker)
        declare_actor(broker, delivery)
        self.broker = broker
        self.worker = Worker(broker, worker_timeout=50, worker_threads=THREADS)

    def enqueue(self, mail: Mail) -> None:
        self.broker.enqueue(message_for(mail.id))

    def state(self, mail: Mail) -> tuple[State, int]:
        found = self.outbox.read(mail.id)
        assert found is not None
        return found.state, found.attempts

    def stop(self) -> float:
        """Stop the worker; returns how long that took, in seconds."""
        began = time.monotonic()
        self.worker.stop(10_000)
        return time.monotonic() - began


@pytest.fixture
def running(database: Database) -> Iterator[Running]:
    running = Running(database)
    running.worker.start()
    yield running
    running.transport.go_on()
    running.worker.stop()


def test_an_id_in_the_queue_becomes_a_mail_at_the_relay(running: Running) -> None:
    mails = [accept(running.outbox) for _ in range(20)]
    for mail in mails:
        running.enqueue(mail)
    running.broker.join("mail", timeout=10_000)
    assert {running.state(mail) for mail in mails} == {(State.SENT, 1)}
    assert len(running.transport.mails) == 20


def test_an_id_that_is_published_twice_is_one_mail(running: Running) -> None:
    mail = accept(running.outbox)
    for _ in range(5):
        running.enqueue(mail)
    running.broker.join("mail", timeout=10_000)
    assert len(running.transport.mails) == 1


def test_a_mail_that_is_put_off_leaves_nothing_in_the_broker(running: Running) -> None:
    running.transport._script = [BusyError("Later", 451)]
    mail = accept(running.outbox)
    running.enqueue(mail)
    running.broker.join("mail", timeout=10_000)
    assert running.state(mail) == (State.RETRYING, 1)
    assert all(queue.qsize() == 0 for queue in running.broker.queues.values())
    assert running.broker.dead_letters == []


def test_an_id_that_comes_while_the_database_is_away_is_not_lost(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claim(_mail_id: str) -> None:
        raise OutboxUnavailableError("unable to open database file")

    mail = accept(running.outbox)
    with monkeypatch.context() as patch:
        patch.setattr(running.claims, "claim", claim)
        running.enqueue(mail)
        running.broker.join("mail", timeout=10_000, fail_fast=False)
    assert running.broker.dead_letters == []
    found = running.outbox.read(mail.id)
    assert found == mail  # and so it is due, and published again


def test_a_mail_that_takes_three_leases_is_sent_once(database: Database) -> None:
    running = Running(database, lease_s=0.6)
    running.transport.hold_up()
    running.worker.start()
    mail = accept(running.outbox)
    running.enqueue(mail)
    assert running.transport.arrived.acquire(timeout=10)
    ends = clock_ms() + 3 * 600
    while clock_ms() < ends:
        # Nobody takes the worker for dead meanwhile.
        assert len(running.due.take(10)) == 0
        time.sleep(0.05)
    running.transport.go_on()
    running.broker.join("mail", timeout=10_000)
    running.worker.stop()
    assert running.state(mail) == (State.SENT, 1)
    assert len(running.transport.mails) == 1


def test_the_pulse_ends_with_the_worker(running: Running) -> None:
    running.stop()
    assert "pulse" not in {thread.name for thread in threading.enumerate()}
    renewals = running.claims.writing.tries
    assert running.transport.closed == 1
    assert running.claims.writing.tries == renewals


def test_a_conversation_that_ends_in_time_is_finished(running: Running) -> None:
    running.transport.hold_up()
    mail = accept(running.outbox)
    running.enqueue(mail)
    assert running.transport.arrived.acquire(timeout=10)
    threading.Timer(0.1, running.transport.go_on).start()
    running.stop()
    assert running.state(mail) == (State.SENT, 1)


def test_a_conversation_that_does_not_is_cut_and_its_mail_given_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.2)
    running = Running(database)
    running.transport.hold_up()
    running.worker.start()
    mails = [accept(running.outbox) for _ in range(4)]
    for mail in mails:
        running.enqueue(mail)
    for _ in mails:
        assert running.transport.arrived.acquire(timeout=10)
    assert 0.2 <= running.stop() < 5
    assert {running.state(mail) for mail in mails} == {(State.QUEUED, 0)}
    due = running.due.take(10)
    assert (sorted(due.publish), len(due)) == (sorted(mail.id for mail in mails), 4)


def test_a_last_answer_that_comes_late_is_waited_for(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.1)
    running = Running(database)
    running.transport.hold_up()
    running.transport.past_the_dot = True
    running.worker.start()
    mail = accept(running.outbox)
    running.enqueue(mail)
    assert running.transport.arrived.acquire(timeout=10)
    threading.Timer(0.5, running.transport.go_on).start()
    running.stop()
    assert running.state(mail) == (State.SENT, 1)


def test_a_last_answer_that_does_not_come_is_given_up_and_the_status_says_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.1)
    monkeypatch.setattr(module, "LAST_ANSWER_S", 0.3)
    running = Running(database)
    running.transport.hold_up()
    running.transport.past_the_dot = True
    running.worker.start()
    mail = accept(running.outbox)
    running.enqueue(mail)
    assert running.transport.arrived.acquire(timeout=10)
    assert 0.3 <= running.stop() < 5
    assert running.state(mail) == (State.QUEUED, 0)
    (attempt,) = running.outbox.attempts(mail.id)
    assert (attempt.outcome, attempt.code) == (Outcome.OURS, None)
    assert attempt.reply == "cut by us at the end of this process, the relay may have it"


def test_what_a_stopping_worker_has_not_begun_stays_queued(running: Running) -> None:
    running.transport.hold_up()
    mails = [accept(running.outbox) for _ in range(12)]
    for mail in mails:
        running.enqueue(mail)
    for _ in range(4):
        assert running.transport.arrived.acquire(timeout=10)
    threading.Timer(0.1, running.transport.go_on).start()
    running.stop()
    states = [running.state(mail) for mail in mails]
    assert states.count((State.SENT, 1)) == 4
    assert states.count((State.QUEUED, 0)) == 8


def test_the_grace_fits_into_the_time_that_the_end_may_take() -> None:
    assert module.GRACE_S < module.LAST_ANSWER_S < module.GIVE_UP_S
    # Before it a second of Dramatiq's; after it another, one of a broker that hangs, and the last wait for a database.
    assert module.GIVE_UP_S + 3 + module._FAREWELL_S < 15
    assert module.GIVE_UP_S * 1000 < embedded._STOP_MS


def test_a_database_that_is_locked_is_given_up_and_what_it_lacks_is_told(
    database: Database, database_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.1)
    monkeypatch.setattr(module, "LAST_ANSWER_S", 0.2)
    monkeypatch.setattr(module, "GIVE_UP_S", 0.3)
    running = Running(database)
    running.transport.hold_up()
    running.worker.start()
    mail = accept(running.outbox)
    running.enqueue(mail)
    assert running.transport.arrived.acquire(timeout=10)
    with locked(database_path):
        running.transport.go_on()
        assert running.stop() < 3
    assert running.state(mail) == (State.SENDING, 1)
    assert f"mail {mail.id}: the result is not written down, it may come twice" in caplog.text
    assert "this worker's end is not written down" in caplog.text


def test_its_forks_run_beside_the_workers(database: Database) -> None:
    def dispatch() -> int:
        return 0

    assert Running(database, forks=(dispatch,)).lifecycle.forks == [dispatch]


# What the pulse does besides.


def test_a_worker_is_seen_while_it_runs_and_gone_when_it_ended(database: Database) -> None:
    running = Running(database, lease_s=0.2)
    running.transport.hold_up()
    began = clock_ms()
    running.worker.start()
    running.enqueue(accept(running.outbox))
    until(lambda: [seen.in_flight for seen in running.heartbeats.alive()] == [1])
    (seen,) = running.heartbeats.alive()
    assert (seen.host, seen.pid) == (socket.gethostname(), os.getpid())
    assert began <= seen.started_at <= seen.seen_at <= clock_ms()
    until(lambda: running.heartbeats.alive()[0].seen_at > seen.seen_at)
    running.transport.go_on()
    until(lambda: [seen.in_flight for seen in running.heartbeats.alive()] == [0])
    running.worker.stop()
    assert running.heartbeats.alive() == []


def test_an_end_that_cannot_be_written_down_is_told(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def end(_started_at: int) -> None:
        raise OutboxUnavailableError("database is locked")

    monkeypatch.setattr(running.heartbeats, "end", end)
    running.stop()
    assert "this worker's end is not written down: database is locked" in caplog.text


def test_idle_connections_are_tidied_at_every_beat(database: Database) -> None:
    running = Running(database, lease_s=0.1)
    running.worker.start()
    until(lambda: running.transport.tidied > 3)
    running.worker.stop()
    tidied = running.transport.tidied
    assert running.transport.closed == 1
    time.sleep(0.1)
    assert running.transport.tidied == tidied


def test_a_worker_that_sees_no_dispatcher_becomes_one_until_it_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher_thread, "GONE_AFTER_MS", 100)
    running = Running(database, lease_s=0.1)
    running.worker.start()
    until(lambda: running.heartbeats.alive(Role.DISPATCHER))
    running.stop()
    assert running.heartbeats.alive(Role.DISPATCHER) == []
    assert "dispatcher" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_threads_that_die_are_replaced_and_their_messages_take_no_place_of_others(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    running = Running(database, lease_s=0.4)
    running.worker.start()
    (consumer,) = [consumer for name, consumer in running.worker.consumers.items() if name == "mail"]
    with monkeypatch.context() as patch:

        def die(_message: object) -> None:
            raise SystemExit  # ends a thread, and no other

        # What Dramatiq does after each message, and does not guard.
        patch.setattr(consumer, "post_process_message", die)
        # More than come as long as none is acknowledged.
        for _ in range(3 * THREADS):
            running.enqueue(accept(running.outbox))
        until(lambda: caplog.text.count("a worker thread died; another takes its place") == 3 * THREADS)
    until(lambda: len(running.worker.workers) == THREADS)
    running.transport.hold_up()
    mails = [accept(running.outbox) for _ in range(20)]
    for mail in mails:
        running.enqueue(mail)
    for _ in range(2 * THREADS):  # each of the new ones has one
        assert running.transport.arrived.acquire(timeout=10)
    running.transport.go_on()
    until(lambda: {running.state(mail) for mail in mails} == {(State.SENT, 1)})
    running.worker.stop()


def test_a_mail_that_was_under_way_when_its_thread_broke_off_is_tried_again(database: Database) -> None:
    running = Running(database, lease_s=0.2)
    running.transport._script = [KeyboardInterrupt()]
    running.worker.start()
    mail = accept(running.outbox)
    running.enqueue(mail)
    assert running.transport.arrived.acquire(timeout=10)
    # Nobody renews its lease any more.
    until(lambda: running.due.take(10).publish == [mail.id])
    running.enqueue(mail)
    until(lambda: running.state(mail) == (State.SENT, 1))  # a death is charged to no mail
    running.worker.stop()


def test_a_worker_that_ends_gets_no_new_threads(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(database, lease_s=0.04)
    running.transport.hold_up()
    running.worker.start()
    running.enqueue(accept(running.outbox))
    assert running.transport.arrived.acquire(timeout=10)
    threading.Timer(0.5, running.transport.go_on).start()
    running.stop()  # three threads end at once and one later, with many beats in between
    assert len(running.worker.workers) == THREADS
    assert not any(thread.is_alive() for thread in running.worker.workers)
