"""A worker that has to end lets its conversations go on for a while, and then gives its mails back."""

import threading
import time
from collections.abc import Iterator

import pytest
from dramatiq import Worker

from config.broker import MemoryBroker, make_broker, message_for
from config.broker_url import BrokerUrl
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail
from messaging.outbox.states import State
from tests.fixtures.storage import accept
from tests.fixtures.transports import ScriptedTransport
from tests.fixtures.waiting import until
from workers import lifecycle as module
from workers.actor import declare_actor
from workers.delivery import Delivery
from workers.errors import BusyError
from workers.leases import Leases
from workers.lifecycle import Lifecycle


class Running:
    """A real Dramatiq worker with its actor, on the embedded broker and a scripted transport."""

    def __init__(self, database: Database, *, lease_s: float = 120.0) -> None:
        self.outbox = Outbox(database)
        self.transport = ScriptedTransport()
        self.leases = Leases(self.outbox, lease_s)
        delivery = Delivery(self.outbox, self.leases, self.transport, (60.0,), 60.0)
        broker = make_broker(BrokerUrl(), [Lifecycle(self.leases, delivery, [])])
        assert isinstance(broker, MemoryBroker)
        declare_actor(broker, delivery)
        self.broker = broker
        self.worker = Worker(broker, worker_timeout=50, worker_threads=4)

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
    def claim(_mail_id: str, _lease_s: float) -> None:
        raise OutboxUnavailableError("unable to open database file")

    mail = accept(running.outbox)
    with monkeypatch.context() as patch:
        patch.setattr(running.outbox, "claim", claim)
        running.enqueue(mail)
        running.broker.join("mail", timeout=10_000, fail_fast=False)
    assert running.broker.dead_letters == []
    found = running.outbox.read(mail.id)
    assert found == mail  # and so it is due, and published again


def test_a_lease_is_renewed_as_long_as_the_worker_runs(database: Database) -> None:
    running = Running(database, lease_s=0.3)
    running.transport.hold_up()
    running.worker.start()
    mail = accept(running.outbox)
    running.enqueue(mail)
    assert running.transport.arrived.acquire(timeout=10)
    claimed = running.outbox.read(mail.id)
    assert claimed is not None
    until(lambda: (running.outbox.read(mail.id) or claimed).due_at > (claimed.due_at or 0) + 300)  # type: ignore[operator]
    running.transport.go_on()
    running.broker.join("mail", timeout=10_000)
    running.worker.stop()
    assert running.state(mail) == (State.SENT, 1)
    running.leases._thread.join(10)
    assert not running.leases._thread.is_alive()


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
    publish, waiting = running.outbox.take_due(10)
    assert (sorted(publish), waiting) == (sorted(mail.id for mail in mails), [])


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
    assert module.GRACE_S < 13


def test_its_forks_run_beside_the_workers(database: Database) -> None:
    def dispatch() -> int:
        return 0

    outbox = Outbox(database)
    leases = Leases(outbox, 120)
    delivery = Delivery(outbox, leases, ScriptedTransport(), (60.0,), 60.0)
    assert Lifecycle(leases, delivery, [dispatch]).forks == [dispatch]
