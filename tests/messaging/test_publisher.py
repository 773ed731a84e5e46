"""The publisher tells the broker off the request's thread, and loses nothing where it cannot."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from dramatiq import Message

from config.broker import make_broker, make_queue
from config.broker_url import BrokerUrl
from config.memory_broker import MemoryBroker
from config.message import QUEUE
from config.rabbitmq.session import MOST_WAIT_S
from messaging import publisher as module
from messaging.outbox import database as database_module
from messaging.outbox.claims import Claims
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.due import PUBLISHED_FOR_MS, DueMails
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import PUBLISH_WITHIN_MS, Outbox
from messaging.outbox.records import Finish
from messaging.outbox.relay_hold import Hold, RelayHold
from messaging.outbox.states import State
from messaging.publisher import BrokerPublisher
from tests.fixtures.brokers import RememberingQueue
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import POISON_LIMIT, PROBE_EVERY_S, accept, connected, locked, url_of
from tests.fixtures.waiting import until

SOON = NOON_MS + PUBLISH_WITHIN_MS
LATER = NOON_MS + PUBLISHED_FOR_MS

#: As it is outside of tests.
NOTE_AFTER_S = module._NOTE_AFTER_S


@pytest.fixture(autouse=True)
def notes_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NOTE_AFTER_S", 0.02)


@pytest.fixture
def queue() -> RememberingQueue:
    return RememberingQueue()


@pytest.fixture
def publisher(queue: RememberingQueue, due: DueMails, hold: RelayHold, confirms: Confirms) -> Iterator[BrokerPublisher]:
    publisher = BrokerPublisher(queue, due, hold, confirms)
    publisher.start()
    yield publisher
    publisher.stop(10)
    assert not publisher._thread.is_alive()


@pytest.fixture
def free(publisher: BrokerPublisher, queue: RememberingQueue, outbox: Outbox, database_path: Path) -> None:
    """The publisher has found out that the relay is not held."""
    mail = accept(outbox)
    publisher.publish(mail.id)
    until(lambda: due_at(database_path)[mail.id] == LATER)
    queue.ids.clear()
    assert queue.arrived.acquire(timeout=10)


def due_at(path: Path) -> dict[str, int]:
    with connected(path) as connection:
        return dict(connection.execute("SELECT id, due_at FROM mails").fetchall())


def test_the_broker_gets_the_id_and_nothing_else(
    due: DueMails, hold: RelayHold, confirms: Confirms, outbox: Outbox
) -> None:
    broker = make_broker(BrokerUrl(), [])
    assert isinstance(broker, MemoryBroker)
    publisher = BrokerPublisher(make_queue(broker), due, hold, confirms)
    publisher.start()
    mail = accept(outbox)
    publisher.publish(mail.id)
    data = broker.queues[QUEUE].get(timeout=10)
    publisher.stop(10)
    message: Message[None] = Message.decode(data)
    assert (message.actor_name, message.queue_name, message.args, message.kwargs) == (
        "deliver",
        "mail",
        (mail.id,),
        {},
    )
    assert mail.recipient.encode() not in data


def test_what_the_broker_has_is_not_due_for_a_while(
    publisher: BrokerPublisher, outbox: Outbox, database_path: Path
) -> None:
    mails = [accept(outbox) for _ in range(5)]
    for mail in mails:
        publisher.publish(mail.id)
    until(lambda: due_at(database_path) == {mail.id: LATER for mail in mails})


@pytest.mark.slow
@pytest.mark.usefixtures("free")
def test_ids_are_published_in_their_order(publisher: BrokerPublisher, queue: RememberingQueue, outbox: Outbox) -> None:
    ids = [accept(outbox).id for _ in range(50)]
    for mail_id in ids:
        publisher.publish(mail_id)
    until(lambda: len(queue.ids) == 50)
    assert queue.ids == ids


@pytest.mark.usefixtures("free")
def test_an_id_is_on_its_way_when_the_request_goes_on_whatever_the_database_does(
    publisher: BrokerPublisher, queue: RememberingQueue, database_path: Path
) -> None:
    with locked(database_path):
        publisher.publish("1")
        assert queue.ids == ["1"]


def test_nobody_waits_for_a_broker_that_does_not_answer(
    publisher: BrokerPublisher, queue: RememberingQueue, outbox: Outbox, database_path: Path
) -> None:
    queue.hold_up()
    ids = [accept(outbox).id for _ in range(20)]
    began = time.monotonic()
    for mail_id in ids:
        publisher.publish(mail_id)
    assert time.monotonic() - began < 1
    for _ in ids:
        assert queue.arrived.acquire(timeout=10)
    assert queue.ids == []
    assert set(due_at(database_path).values()) == {SOON}
    queue.go_on()
    until(lambda: set(due_at(database_path).values()) == {LATER})


@pytest.mark.usefixtures("free")
def test_what_was_confirmed_meanwhile_is_noted_a_few_hundred_at_a_time(
    publisher: BrokerPublisher, queue: RememberingQueue, due: DueMails, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[list[str]] = []
    monkeypatch.setattr(due, "mark_first_published", lambda ids: noted.append(list(ids)))
    queue.hold_up()
    ids = [f"id {number}" for number in range(1200)]
    for mail_id in ids:
        publisher.publish(mail_id)
    queue.go_on()
    until(lambda: sum(map(len, noted)) == 1200)
    assert noted == [ids[:500], ids[500:1000], ids[1000:]]


@pytest.mark.slow
@pytest.mark.usefixtures("free")
def test_a_confirm_is_noted_some_time_after_it_came(
    publisher: BrokerPublisher, due: DueMails, monkeypatch: pytest.MonkeyPatch
) -> None:
    published_at: dict[str, float] = {}
    noted_at: dict[str, float] = {}
    monkeypatch.setattr(due, "mark_first_published", lambda ids: noted_at.update(dict.fromkeys(ids, time.monotonic())))
    monkeypatch.setattr(module, "_NOTE_AFTER_S", 0.2)
    for number in range(20):
        published_at[str(number)] = time.monotonic()
        publisher.publish(str(number))
        time.sleep(0.02)
    until(lambda: noted_at.keys() == published_at.keys())
    assert all(noted_at[mail_id] - published_at[mail_id] > 0.15 for mail_id in noted_at)
    assert len(set(noted_at.values())) < 8


def test_the_time_of_a_confirm_is_that_at_which_it_came_also_where_its_mail_has_been_sent_since(
    publisher: BrokerPublisher, queue: RememberingQueue, outbox: Outbox, claims: Claims, clock: Clock
) -> None:
    queue.hold_up()
    sent, waits = accept(outbox), accept(outbox)
    for mail in (sent, waits):
        publisher.publish(mail.id)
        assert queue.arrived.acquire(timeout=10)
    clock.pass_s(0.007)
    queue.go_on()
    clock.pass_s(0.001)
    claim = claims.claim(sent.id)
    assert claim is not None
    assert claims.finish(Finish(claim, State.SENT, None, charged=True, attempt=None))
    until(lambda: outbox.published_at(waits.id))
    assert outbox.published_at(sent.id) == outbox.published_at(waits.id) == NOON_MS + 7


def test_what_the_broker_does_not_take_was_not_published(
    publisher: BrokerPublisher, queue: RememberingQueue, outbox: Outbox
) -> None:
    queue.script = ["no route to host"]
    lost, mail = accept(outbox), accept(outbox)
    for each in (lost, mail):
        publisher.publish(each.id)
        assert queue.arrived.acquire(timeout=10)
    until(lambda: outbox.published_at(mail.id))
    assert outbox.published_at(lost.id) is None


def test_confirms_are_noted_while_their_mails_are_not_due_and_when_most_have_been_claimed() -> None:
    assert 0.1 <= NOTE_AFTER_S <= PUBLISH_WITHIN_MS / 1000 / 5


def test_what_a_worker_has_claimed_meanwhile_is_not_touched(
    publisher: BrokerPublisher, queue: RememberingQueue, outbox: Outbox, database_path: Path
) -> None:
    queue.hold_up()
    mails = [accept(outbox) for _ in range(2)]
    for mail in mails:
        publisher.publish(mail.id)
        assert queue.arrived.acquire(timeout=10)
    with connected(database_path) as connection:
        connection.execute("UPDATE mails SET state = 'sending', due_at = 1 WHERE id = ?", (mails[0].id,))
    queue.go_on()
    until(lambda: due_at(database_path) == {mails[0].id: 1, mails[1].id: LATER})


def test_what_the_broker_does_not_take_stays_due(
    publisher: BrokerPublisher, queue: RememberingQueue, outbox: Outbox, database_path: Path
) -> None:
    queue.down = "no route to host"
    lost = accept(outbox)
    publisher.publish(lost.id)
    assert queue.arrived.acquire(timeout=10)
    queue.down = None
    mail = accept(outbox)
    publisher.publish(mail.id)
    until(lambda: due_at(database_path)[mail.id] == LATER)
    assert due_at(database_path)[lost.id] == SOON


def test_what_it_took_before_it_went_away_is_noted(
    publisher: BrokerPublisher, queue: RememberingQueue, outbox: Outbox, database_path: Path
) -> None:
    queue.script = [None, None, "gone", "gone"]
    ids = [accept(outbox).id for _ in range(4)]
    for mail_id in ids:
        publisher.publish(mail_id)
        assert queue.arrived.acquire(timeout=10)
    until(lambda: due_at(database_path)[ids[1]] == LATER)
    assert due_at(database_path) == dict(zip(ids, [LATER, LATER, SOON, SOON], strict=True))
    assert queue.ids == ids[:2]


def test_it_says_once_that_the_broker_is_away_and_once_that_it_is_back(
    publisher: BrokerPublisher, queue: RememberingQueue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, module.__name__)
    queue.down = "rabbit:5672: ConnectionRefusedError"
    for _ in range(3):
        publisher.publish("1")
        assert queue.arrived.acquire(timeout=10)
        until(lambda: publisher._refused is None)
    until(lambda: caplog.records)
    queue.down = None
    for _ in range(2):
        publisher.publish("2")
        until(lambda: not publisher._confirmed)
    until(lambda: queue.ids == ["2", "2"])
    publisher.stop(10)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "(rabbit:5672: ConnectionRefusedError)" in caplog.messages[0]


def test_a_broker_that_takes_some_and_refuses_some_is_not_said_to_be_back_each_time(
    publisher: BrokerPublisher, queue: RememberingQueue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, module.__name__)
    queue.hold_up()
    for _ in range(6):
        publisher.publish("1")
        assert queue.arrived.acquire(timeout=10)
    queue.script = [None, "a limit", None, "a limit", None, "a limit"]
    queue.go_on()
    until(lambda: not publisher._confirmed)
    publisher.stop(10)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_it_survives_that_the_outbox_cannot_note_it(
    queue: RememberingQueue, database_path: Path, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    impatient = Database(url_of(database_path))
    outbox = Outbox(impatient, clock)
    mails = [accept(outbox) for _ in range(2)]
    due, hold = DueMails(impatient, POISON_LIMIT, clock), RelayHold(impatient, PROBE_EVERY_S, clock)
    publisher = BrokerPublisher(queue, due, hold, Confirms(impatient, clock))
    publisher.start()
    with locked(database_path):
        publisher.publish(mails[0].id)
        until(lambda: queue.ids == [mails[0].id] and not publisher._confirmed)
    publisher.publish(mails[1].id)
    until(lambda: due_at(database_path)[mails[1].id] == LATER)
    publisher.stop(10)
    impatient.close()


def test_what_is_too_much_stays_due(
    queue: RememberingQueue, due: DueMails, hold: RelayHold, confirms: Confirms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    publisher = BrokerPublisher(queue, due, hold, confirms)
    for number in range(10):
        publisher.publish(str(number))
    publisher.start()
    until(lambda: queue.ids == ["0", "1", "2"])
    publisher.publish("after")
    until(lambda: queue.ids == ["0", "1", "2", "after"])
    publisher.stop(10)


@pytest.mark.usefixtures("free")
def test_no_more_confirms_than_that_wait_for_a_slow_database(
    publisher: BrokerPublisher, due: DueMails, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    asked, answer = threading.Event(), threading.Event()

    def note(ids: Sequence[str]) -> None:
        asked.set()
        assert answer.wait(10)
        noted.extend(ids)

    monkeypatch.setattr(due, "mark_first_published", note)
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    publisher.publish("first")
    assert asked.wait(10)
    for number in range(10):
        publisher.publish(str(number))
    answer.set()
    until(lambda: len(noted) > 1)
    publisher.stop(10)
    assert noted == ["first", "0", "1", "2"]


def test_at_its_end_it_publishes_what_waits(
    queue: RememberingQueue,
    outbox: Outbox,
    due: DueMails,
    hold: RelayHold,
    confirms: Confirms,
    database_path: Path,
) -> None:
    publisher = BrokerPublisher(queue, due, hold, confirms)
    ids = [accept(outbox).id for _ in range(50)]
    for mail_id in ids:
        publisher.publish(mail_id)
    publisher.start()
    publisher.stop(10)
    assert queue.ids == ids
    assert not publisher._thread.is_alive()
    assert queue.closed_within is not None
    assert 5 < queue.closed_within <= 10
    assert set(due_at(database_path).values()) == {LATER}
    assert {outbox.published_at(mail_id) for mail_id in ids} == {NOON_MS}


def test_its_end_does_not_wait_for_a_broker_that_does_not_answer(
    publisher: BrokerPublisher, queue: RememberingQueue
) -> None:
    queue.hold_up()
    publisher.publish("1")
    assert queue.arrived.acquire(timeout=10)
    began = time.monotonic()
    publisher.stop(0.05)
    assert time.monotonic() - began < 5


@pytest.mark.usefixtures("free")
def test_what_waited_until_it_was_a_dispatcher_s_is_not_published(
    publisher: BrokerPublisher, queue: RememberingQueue, hold: RelayHold, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answer = threading.Event(), threading.Event()
    read = hold.read

    def slow_read() -> Hold | None:
        asked.set()
        answer.wait(10)
        return read()

    monkeypatch.setattr(module, "_SURE_WITHIN_S", 0.05)
    monkeypatch.setattr(hold, "read", slow_read)
    monkeypatch.setattr(publisher, "_free", False)
    publisher.publish("late")
    assert asked.wait(10)
    time.sleep(0.06)
    publisher.publish("in time")
    answer.set()
    until(lambda: queue.ids == ["in time"])


def test_no_id_is_on_its_way_for_so_long_that_a_dispatcher_publishes_it_too() -> None:
    assert module._SURE_WITHIN_S + MOST_WAIT_S < PUBLISH_WITHIN_MS / 1000


# While the relay is held.


def test_while_the_relay_is_held_nothing_is_published_and_what_is_accepted_stays_due(
    publisher: BrokerPublisher,
    queue: RememberingQueue,
    outbox: Outbox,
    hold: RelayHold,
    database_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hold.begin("AUTH: 535 5.7.8 Bad credentials")
    held = [accept(outbox) for _ in range(3)]
    for mail in held:
        publisher.publish(mail.id)
    until(lambda: not publisher._unsure)
    publisher.stop(10)
    assert queue.ids == []
    assert due_at(database_path) == {mail.id: SOON for mail in held}
    assert caplog.records == []


@pytest.mark.usefixtures("free")
def test_what_went_out_before_the_hold_was_noticed_stays_due_and_nothing_follows(
    publisher: BrokerPublisher, queue: RememberingQueue, outbox: Outbox, hold: RelayHold, database_path: Path
) -> None:
    hold.begin("AUTH: 535 5.7.8 Bad credentials")
    unlucky = accept(outbox).id
    publisher.publish(unlucky)
    assert queue.ids == [unlucky]  # a worker turns it down: it must not count as published, or it would wait
    until(lambda: not publisher._free)
    until(lambda: outbox.published_at(unlucky) == NOON_MS)
    held = accept(outbox).id
    publisher.publish(held)
    until(lambda: not publisher._unsure)
    publisher.stop(10)
    assert queue.ids == [unlucky]
    assert [due_at(database_path)[mail_id] for mail_id in (unlucky, held)] == [SOON, SOON]


def test_after_the_hold_it_publishes_again(
    publisher: BrokerPublisher, queue: RememberingQueue, outbox: Outbox, hold: RelayHold, database_path: Path
) -> None:
    hold.begin("AUTH: 535 5.7.8 Bad credentials")
    publisher.publish(accept(outbox).id)
    until(lambda: not publisher._unsure)
    hold.release()
    mail = accept(outbox)
    # The first may still be looked at; it is for the dispatcher, not for us.
    publisher.publish(mail.id)
    until(lambda: due_at(database_path)[mail.id] == LATER)
    assert mail.id in queue.ids


def test_where_nobody_can_say_whether_the_relay_is_held_nothing_is_published(
    queue: RememberingQueue,
    due: DueMails,
    hold: RelayHold,
    confirms: Confirms,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise OutboxUnavailableError("unable to open database file")

    publisher = BrokerPublisher(queue, due, hold, confirms)
    with monkeypatch.context() as patch:
        patch.setattr(hold, "read", fail)
        publisher.publish("1")
        publisher.start()
        until(lambda: not publisher._unsure)
        publisher.publish("2")
        until(lambda: not publisher._unsure)
        publisher.stop(10)
    assert queue.ids == []
    # The broker has nothing to do with it.
    assert "they stay due: unable to open database file" in caplog.text
    assert "cannot publish" not in caplog.text
