"""The publisher tells the broker off the request's thread, and loses nothing where it cannot."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging import publisher as module
from messaging.outbox import database as database_module
from messaging.outbox.database import Database
from messaging.outbox.due import PUBLISHED_FOR_MS, DueMails
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import PUBLISH_WITHIN_MS, Outbox
from messaging.outbox.relay_hold import RelayHold
from messaging.publisher import BrokerPublisher
from tests.fixtures.brokers import RememberingBroker
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import POISON_LIMIT, PROBE_EVERY_S, accept, connected, locked, url_of
from tests.fixtures.waiting import until

SOON = NOON_MS + PUBLISH_WITHIN_MS
LATER = NOON_MS + PUBLISHED_FOR_MS


@pytest.fixture
def broker() -> Iterator[RememberingBroker]:
    broker = RememberingBroker()
    yield broker
    broker.go_on()


@pytest.fixture
def publisher(broker: RememberingBroker, due: DueMails, hold: RelayHold) -> Iterator[BrokerPublisher]:
    publisher = BrokerPublisher(broker, due, hold)
    publisher.start()
    yield publisher
    broker.go_on()
    publisher.stop(10)
    assert not publisher._thread.is_alive()


def due_at(path: Path) -> dict[str, int]:
    with connected(path) as connection:
        return dict(connection.execute("SELECT id, due_at FROM mails").fetchall())


def test_the_broker_gets_the_id_and_nothing_else(
    publisher: BrokerPublisher, broker: RememberingBroker, outbox: Outbox
) -> None:
    mail = accept(outbox)
    publisher.publish(mail.id)
    until(broker.messages)
    (message,) = broker.messages()
    assert (message.actor_name, message.queue_name, message.args, message.kwargs) == (
        "deliver",
        "mail",
        (mail.id,),
        {},
    )
    assert mail.recipient.encode() not in message.encode()


def test_what_the_broker_has_is_not_due_for_a_while(
    publisher: BrokerPublisher, outbox: Outbox, database_path: Path
) -> None:
    mails = [accept(outbox) for _ in range(5)]
    for mail in mails:
        publisher.publish(mail.id)
    until(lambda: due_at(database_path) == {mail.id: LATER for mail in mails})


def test_ids_are_published_in_their_order(
    publisher: BrokerPublisher, broker: RememberingBroker, outbox: Outbox
) -> None:
    ids = [accept(outbox).id for _ in range(50)]
    for mail_id in ids:
        publisher.publish(mail_id)
    until(lambda: len(broker.ids) == 50)
    assert broker.ids == ids


def test_nobody_waits_for_a_broker_that_does_not_answer(
    publisher: BrokerPublisher, broker: RememberingBroker, outbox: Outbox, database_path: Path
) -> None:
    broker.hold_up()
    ids = [accept(outbox).id for _ in range(20)]
    began = time.monotonic()
    for mail_id in ids:
        publisher.publish(mail_id)
    assert time.monotonic() - began < 1
    assert broker.arrived.acquire(timeout=10)
    assert broker.ids == []
    assert set(due_at(database_path).values()) == {SOON}
    broker.go_on()
    until(lambda: set(due_at(database_path).values()) == {LATER})


def test_what_waited_meanwhile_is_noted_in_one_transaction(
    publisher: BrokerPublisher, broker: RememberingBroker, due: DueMails, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[list[str]] = []
    monkeypatch.setattr(due, "mark_published", lambda ids: noted.append(list(ids)))
    broker.hold_up()
    publisher.publish("first")
    assert broker.arrived.acquire(timeout=10)
    others = [f"id {number}" for number in range(300)]
    for mail_id in others:
        publisher.publish(mail_id)
    broker.go_on()
    until(lambda: sum(map(len, noted)) == 301)
    assert noted == [["first"], others[:200], others[200:]]


def test_what_the_broker_does_not_take_stays_due(
    publisher: BrokerPublisher, broker: RememberingBroker, outbox: Outbox, database_path: Path
) -> None:
    broker.down = OSError("no route to host")
    lost = accept(outbox)
    publisher.publish(lost.id)
    assert broker.arrived.acquire(timeout=10)
    broker.down = None
    mail = accept(outbox)
    publisher.publish(mail.id)
    until(lambda: due_at(database_path)[mail.id] == LATER)
    assert due_at(database_path)[lost.id] == SOON


def test_what_it_took_before_it_went_away_is_noted(
    publisher: BrokerPublisher, broker: RememberingBroker, outbox: Outbox, database_path: Path
) -> None:
    broker.hold_up()
    publisher.publish("goes ahead, so that the others are taken together")
    assert broker.arrived.acquire(timeout=10)
    ids = [accept(outbox).id for _ in range(4)]
    for mail_id in ids:
        publisher.publish(mail_id)
    broker.script = [None, None, None, OSError("gone")]
    broker.go_on()
    until(lambda: due_at(database_path)[ids[0]] == LATER)
    assert due_at(database_path) == dict(zip(ids, [LATER, LATER, SOON, SOON], strict=True))
    assert broker.ids[1:] == ids[:2]


def test_it_says_once_that_the_broker_is_away_and_once_that_it_is_back(
    publisher: BrokerPublisher, broker: RememberingBroker, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, module.__name__)
    broker.down = ConnectionRefusedError("amqp://user:hunter2@rabbit")
    for _ in range(3):
        publisher.publish("1")
        assert broker.arrived.acquire(timeout=10)
    broker.down = None
    for _ in range(2):
        publisher.publish("2")
    until(lambda: broker.ids == ["2", "2"])
    publisher.stop(10)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "(ConnectionRefusedError)" in caplog.messages[0]
    assert "hunter2" not in caplog.text


def test_it_survives_that_the_outbox_cannot_note_it(
    broker: RememberingBroker, database_path: Path, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    impatient = Database(url_of(database_path))
    outbox = Outbox(impatient, clock)
    mails = [accept(outbox) for _ in range(2)]
    due, hold = DueMails(impatient, POISON_LIMIT, clock), RelayHold(impatient, PROBE_EVERY_S, clock)
    publisher = BrokerPublisher(broker, due, hold)
    publisher.start()
    with locked(database_path):
        publisher.publish(mails[0].id)
        until(lambda: broker.ids == [mails[0].id])
    publisher.publish(mails[1].id)
    until(lambda: due_at(database_path)[mails[1].id] == LATER)
    publisher.stop(10)
    impatient.close()


def test_what_is_too_much_stays_due(
    broker: RememberingBroker, due: DueMails, hold: RelayHold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    publisher = BrokerPublisher(broker, due, hold)
    for number in range(10):
        publisher.publish(str(number))
    publisher.start()
    until(lambda: broker.ids == ["0", "1", "2"])
    publisher.publish("after")
    until(lambda: broker.ids == ["0", "1", "2", "after"])
    publisher.stop(10)


def test_at_its_end_it_publishes_what_waits(broker: RememberingBroker, due: DueMails, hold: RelayHold) -> None:
    publisher = BrokerPublisher(broker, due, hold)
    ids = [str(number) for number in range(500)]
    for mail_id in ids:
        publisher.publish(mail_id)
    publisher.start()
    publisher.stop(10)
    assert broker.ids == ids
    assert not publisher._thread.is_alive()


def test_its_end_does_not_wait_for_a_broker_that_does_not_answer(
    publisher: BrokerPublisher, broker: RememberingBroker
) -> None:
    broker.hold_up()
    publisher.publish("1")
    assert broker.arrived.acquire(timeout=10)
    began = time.monotonic()
    publisher.stop(0.05)
    assert time.monotonic() - began < 5


def test_while_the_relay_is_held_nothing_is_published_and_what_is_accepted_stays_due(
    publisher: BrokerPublisher,
    broker: RememberingBroker,
    outbox: Outbox,
    hold: RelayHold,
    database_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hold.begin("AUTH: 535 5.7.8 Bad credentials")
    held = [accept(outbox) for _ in range(3)]
    for mail in held:
        publisher.publish(mail.id)
    until(publisher._waiting.empty)
    publisher.stop(10)
    assert broker.ids == []
    assert due_at(database_path) == {mail.id: SOON for mail in held}
    assert caplog.records == []


def test_after_the_hold_it_publishes_again(
    publisher: BrokerPublisher, broker: RememberingBroker, outbox: Outbox, hold: RelayHold, database_path: Path
) -> None:
    hold.begin("AUTH: 535 5.7.8 Bad credentials")
    publisher.publish(accept(outbox).id)
    until(publisher._waiting.empty)
    hold.release()
    mail = accept(outbox)
    # The first may still be looked at; it is for the dispatcher, not for us.
    publisher.publish(mail.id)
    until(lambda: due_at(database_path)[mail.id] == LATER)
    assert mail.id in broker.ids


def test_where_nobody_can_say_whether_the_relay_is_held_nothing_is_published(
    broker: RememberingBroker,
    due: DueMails,
    hold: RelayHold,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise OutboxUnavailableError("unable to open database file")

    publisher = BrokerPublisher(broker, due, hold)
    with monkeypatch.context() as patch:
        patch.setattr(hold, "read", fail)
        publisher.publish("1")
        publisher.start()
        until(publisher._waiting.empty)
        publisher.publish("2")
        until(publisher._waiting.empty)
        publisher.stop(10)
    assert broker.ids == []
    # The broker has nothing to do with it.
    assert "they stay due: unable to open database file" in caplog.text
    assert "the broker cannot be reached" not in caplog.text
