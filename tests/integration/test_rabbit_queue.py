"""The way to RabbitMQ answers for every id exactly once, whatever becomes of RabbitMQ."""

import contextlib
import json
import logging
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pika
import pytest
from dramatiq import Message

from config.broker import make_broker
from config.broker_url import parse_broker_url
from config.logs import configure_logging
from config.mail_queue import QueueError
from config.message import QUEUE
from config.rabbitmq import queue as module
from config.rabbitmq import session as session_module
from config.rabbitmq.broker import RabbitBroker
from config.rabbitmq.queue import RabbitQueue
from config.rabbitmq.session import Session
from stack.ports import free_port
from stack.rabbitmq import RabbitMQ
from tests.fixtures.brokers import message_for
from tests.fixtures.threads import all_at_once
from tests.fixtures.waiting import until
from tests.servers.certificates import authority
from tests.servers.tls_proxy import TlsProxy


def broker_at(url: str) -> RabbitBroker:
    broker = make_broker(parse_broker_url(url), [])
    assert isinstance(broker, RabbitBroker)
    return broker


class Publishing:
    """An open queue, and what it said of each id."""

    def __init__(self, url: str) -> None:
        self.queue = RabbitQueue(broker_at(url))
        self.confirmed: list[str] = []
        self.refused: list[str] = []
        self.reasons: set[str] = set()
        self.queue.open(self._settle)

    def put(self, *ids: str) -> None:
        for mail_id in ids:
            self.queue.put(mail_id)

    def settled(self, count: int, within_s: float = 30) -> None:
        """Return when so many ids were settled, all in all."""
        until(lambda: len(self.confirmed) + len(self.refused) >= count, within_s)

    def put_until_confirmed(self, mail_id: str, within_s: float = 30) -> None:
        """Put an id in again and again, as a dispatcher does."""
        ends = time.monotonic() + within_s
        while mail_id not in self.confirmed:
            assert time.monotonic() < ends, self.reasons
            before = len(self.confirmed) + len(self.refused)
            self.queue.put(mail_id)
            self.settled(before + 1)
            time.sleep(0.05)

    def _settle(self, ids: Sequence[str], refused: str | None) -> None:
        assert ids
        if refused is None:
            self.confirmed += ids
        else:
            self.refused += ids
            self.reasons.add(refused)


@pytest.fixture
def publish_to() -> Iterator[Callable[[str], Publishing]]:
    """Opens queues at URLs."""
    opened: list[Publishing] = []

    def publish_to(url: str) -> Publishing:
        opened.append(Publishing(url))
        return opened[-1]

    yield publish_to
    for publishing in opened:
        publishing.queue.close(5)
        assert not publishing.queue._thread.is_alive()


PublishTo = Callable[[str], Publishing]


@contextlib.contextmanager
def channel_to(url: str) -> Iterator[Any]:
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(url))) as connection:
        yield connection.channel()


def taken_from(url: str) -> list[str]:
    """The ids that lie in the queue, in their order; they are taken out."""
    ids = []
    with channel_to(url) as channel:
        while (got := channel.basic_get(QUEUE, auto_ack=True))[0]:
            ids.append(json.loads(got[2])["args"][0])
    return ids


def numbered(count: int, first: int = 0) -> list[str]:
    return [f"0190d3a4-7a52-7cc3-98c4-{number:012}" for number in range(first, first + count)]


# What goes out, and how.


def test_what_is_published_is_what_dramatiq_publishes(broker_url: str, publish_to: PublishTo) -> None:
    publishing = publish_to(broker_url)
    publishing.put("0190-id")
    publishing.settled(1)
    broker = broker_at(broker_url)
    broker.enqueue(message_for("0190-id"))
    with channel_to(broker_url) as channel:
        (ours, our_properties, our_body), (theirs, their_properties, their_body) = (
            channel.basic_get(QUEUE, auto_ack=True) for _ in range(2)
        )
    assert (ours.exchange, ours.routing_key) == (theirs.exchange, theirs.routing_key) == ("", QUEUE)
    assert vars(our_properties) == vars(their_properties)
    assert our_properties.delivery_mode == 2
    message, other = Message.decode(our_body).asdict(), Message.decode(their_body).asdict()
    for name in ("message_id", "message_timestamp"):
        assert type(message.pop(name)) is type(other.pop(name))
    assert message == other
    broker.close()


def test_a_dramatiq_consumer_takes_it_unchanged(broker_url: str, publish_to: PublishTo) -> None:
    publishing = publish_to(broker_url)
    publishing.put("0190-id")
    publishing.settled(1)
    broker = broker_at(broker_url)
    consumer = broker.consume(QUEUE, timeout=5000)
    message = next(iter(consumer))
    assert message is not None
    assert (message.actor_name, message.args) == ("deliver", ("0190-id",))
    consumer.ack(message)
    consumer.close()
    broker.close()
    assert publishing.queue.depth() == 0


def test_ids_come_in_their_order_and_each_is_confirmed_once(broker_url: str, publish_to: PublishTo) -> None:
    publishing = publish_to(broker_url)
    ids = numbered(5000)
    publishing.put(*ids)
    publishing.settled(5000)
    assert (publishing.confirmed, publishing.refused) == (ids, [])
    assert publishing.queue.depth() == 5000
    assert taken_from(broker_url) == ids


def test_it_is_the_same_over_tls(
    rabbitmq: RabbitMQ, broker_url: str, publish_to: PublishTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority().file))
    ids = numbered(5000)
    with TlsProxy(rabbitmq.port) as proxy:
        url = broker_url.replace("amqp:", "amqps:").replace(f":{rabbitmq.port}/", f":{proxy.port}/")
        publishing = publish_to(url)
        publishing.put(*ids)
        publishing.settled(5000)
        publishing.queue.close(5)
    assert (publishing.confirmed, publishing.refused) == (ids, [])
    assert taken_from(broker_url) == ids


def test_no_more_ids_are_under_way_than_their_bound(
    broker_url: str, publish_to: PublishTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "MOST_UNCONFIRMED", 30)
    most = 0
    write = Session._write

    def watched(session: Session) -> None:
        nonlocal most
        write(session)
        most = max(most, len(session._unconfirmed))

    monkeypatch.setattr(Session, "_write", watched)
    publishing = publish_to(broker_url)
    ids = numbered(1000)
    publishing.put(*ids)
    publishing.settled(1000)
    assert publishing.confirmed == ids
    assert most == 30


def test_while_there_is_no_broker_no_more_ids_wait_than_their_bound(
    publish_to: PublishTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        publishing = publish_to(f"amqp://127.0.0.1:{port}?stack_timeout=1")
        publishing.put("1", "2", "3", "4", "5")
        assert (publishing.refused, publishing.reasons) == (["4", "5"], {"3 ids are waiting already"})
        publishing.settled(5)
    assert publishing.refused == ["4", "5", "1", "2", "3"]
    assert f"127.0.0.1:{port}: it does not answer" in publishing.reasons


def test_an_id_that_finds_the_connection_idle_is_at_a_consumer_within_milliseconds(
    broker_url: str, publish_to: PublishTo
) -> None:
    publishing = publish_to(broker_url)
    publishing.put("first")
    publishing.settled(1)
    arrived = threading.Semaphore(0)

    def consume(channel: Any) -> None:
        channel.basic_consume(QUEUE, lambda *_: arrived.release(), auto_ack=True)
        with contextlib.suppress(pika.exceptions.AMQPError):
            channel.start_consuming()

    took = []
    with channel_to(broker_url) as channel:
        consuming = threading.Thread(target=consume, args=(channel,))
        consuming.start()
        assert arrived.acquire(timeout=10)
        for number in range(30):
            time.sleep(0.01)
            began = time.perf_counter()
            publishing.put(str(number))
            assert arrived.acquire(timeout=10)
            took.append(time.perf_counter() - began)
        channel.connection.add_callback_threadsafe(channel.stop_consuming)
        consuming.join()
    assert sorted(took)[len(took) // 3] < 0.01  # a busy machine has slow moments


def test_many_ids_at_a_time_wake_the_connection_once(
    broker_url: str, publish_to: PublishTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing = publish_to(broker_url)
    publishing.put("first")
    publishing.settled(1)
    wakes = 0
    session = publishing.queue._session
    assert session is not None
    add = session._loop.add_callback_threadsafe

    def counted(callback: Callable[[], None]) -> None:
        nonlocal wakes
        wakes += 1
        add(callback)

    monkeypatch.setattr(session._loop, "add_callback_threadsafe", counted)
    publishing.put(*numbered(2000))
    publishing.settled(2001)
    assert wakes < 20


def test_no_id_is_overlooked_whenever_it_comes(broker_url: str, publish_to: PublishTo) -> None:
    publishing = publish_to(broker_url)
    chance = random.Random(1)
    pauses = [[chance.choice((0, 0, 0, 0.0001, 0.002, 0.005)) for _ in range(300)] for _ in range(8)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:

        def put(own: list[float]) -> None:
            for pause in own:
                publishing.put("0190-id")
                time.sleep(pause)

        all_at_once(put, pauses)
        publishing.settled(2400)
    finally:
        sys.setswitchinterval(interval)
    assert publishing.confirmed == ["0190-id"] * 2400


# What it does not take.


def test_what_rabbitmq_refuses_is_said_to_be_refused(
    rabbitmq: RabbitMQ, broker_url: str, publish_to: PublishTo
) -> None:
    vhost = broker_url.rpartition("/")[2]
    limit = json.dumps({"max-length": 10, "overflow": "reject-publish"})
    rabbitmq.ctl("set_policy", "-p", vhost, "limit", f"^{QUEUE}$", limit)
    publishing = publish_to(broker_url)
    ids = numbered(300)
    publishing.put(*ids)
    publishing.settled(300)
    assert publishing.refused
    assert publishing.reasons == {"RabbitMQ refuses ids: has queue mail a limit?"}
    assert sorted(publishing.confirmed + publishing.refused) == ids
    assert taken_from(broker_url) == publishing.confirmed
    publishing.put("now there is room")
    publishing.settled(301)
    assert publishing.confirmed[-1] == "now there is room"


def test_what_comes_back_because_there_is_no_queue_is_refused_and_the_queue_is_made_anew(
    broker_url: str, publish_to: PublishTo
) -> None:
    publishing = publish_to(broker_url)
    publishing.put("before")
    publishing.settled(1)
    with channel_to(broker_url) as channel:
        channel.queue_delete(QUEUE)
    publishing.put("lost")
    publishing.settled(2)
    assert (publishing.refused, publishing.reasons) == (["lost"], {"there was no queue mail; it is made anew"})
    ids = numbered(500)
    publishing.put(*ids)
    publishing.settled(502)
    with channel_to(broker_url) as channel:
        channel.queue_delete(QUEUE)
        publishing.put(*ids)
    publishing.settled(1002)
    publishing.put_until_confirmed("after")
    # Every id of the second round is in the queue, or was refused.
    assert Counter(taken_from(broker_url)) == Counter(publishing.confirmed[1 + 500 :])
    assert len(publishing.confirmed) + len(publishing.refused) >= 1003


def test_a_queue_with_other_arguments_is_named_and_used_when_it_is_made_anew(
    broker_url: str, publish_to: PublishTo
) -> None:
    with channel_to(broker_url) as channel:
        channel.queue_declare(QUEUE, durable=True, arguments={"x-max-priority": 3})
    publishing = publish_to(broker_url)
    publishing.put("1")
    publishing.settled(1)
    (reason,) = publishing.reasons
    assert reason.startswith("queue mail: PRECONDITION_FAILED - inequivalent arg")
    assert reason.endswith("; delete it, it is made anew")
    with channel_to(broker_url) as channel:
        channel.queue_delete(QUEUE)
    publishing.put_until_confirmed("2")
    assert taken_from(broker_url) == ["2"]


def test_out_of_memory_it_refuses_at_once_and_leaves_nothing_behind_to_be_published_many_times(
    rabbitmq: RabbitMQ, broker_url: str, publish_to: PublishTo
) -> None:
    publishing = publish_to(broker_url)
    publishing.put("before")
    publishing.settled(1)
    rabbitmq.ctl("set_vm_memory_high_watermark", "0.00001")
    try:
        under_way = [f"under way {number}" for number in range(500)]
        publishing.put(*under_way)
        publishing.settled(501, within_s=10)
        assert publishing.reasons == {"RabbitMQ takes nothing: low on memory"}
        for number in range(5):
            publishing.put(*numbered(1000, number * 1000))
            publishing.settled(501 + (number + 1) * 1000, within_s=2)
        with pytest.raises(QueueError, match="RabbitMQ takes nothing: low on memory"):
            publishing.queue.depth()
        time.sleep(3)  # longer than config.rabbitmq.broker leaves a connection blocked
        vhosts = rabbitmq.ctl("list_connections", "vhost").split()
        assert vhosts.count(broker_url.rpartition("/")[2]) == 1
    finally:
        rabbitmq.ctl("set_vm_memory_high_watermark", "0.4")
    publishing.put_until_confirmed("after")
    found = Counter(taken_from(broker_url))
    assert set(found) <= {"before", *under_way, "after"}
    assert set(found.values()) == {1}


# RabbitMQ goes away.


def test_what_a_killed_broker_confirmed_it_has_and_every_id_is_answered_for_once(
    rabbitmq: RabbitMQ, broker_url: str, publish_to: PublishTo
) -> None:
    publishing = publish_to(broker_url)
    ids = numbered(20_000)
    half = threading.Event()

    def stream() -> None:
        for number, mail_id in enumerate(ids):
            if number % 50 == 0:
                time.sleep(0.005)
            if number == 5000:
                half.set()
            publishing.put(mail_id)

    streaming = threading.Thread(target=stream)
    streaming.start()
    assert half.wait(20)
    rabbitmq.kill()
    rabbitmq.start()
    streaming.join()
    publishing.put_until_confirmed("after", within_s=60)
    publishing.settled(20_001)
    answered = Counter(publishing.confirmed + publishing.refused)
    assert answered.keys() == {*ids, "after"}
    assert all(answered[mail_id] == 1 for mail_id in ids)
    assert publishing.refused
    assert set(publishing.confirmed) <= set(taken_from(broker_url))


def test_connections_that_are_closed_again_and_again_are_replaced(
    rabbitmq: RabbitMQ, broker_url: str, publish_to: PublishTo
) -> None:
    publishing = publish_to(broker_url)
    for number in range(2):
        publishing.put_until_confirmed(f"before {number}")
        rabbitmq.ctl("close_all_connections", "--vhost", broker_url.rpartition("/")[2], "a test")
    publishing.put_until_confirmed("after")
    assert set(publishing.confirmed) <= set(taken_from(broker_url))
    assert all("CONNECTION_FORCED - a test" in reason for reason in publishing.reasons)


def test_a_frozen_broker_holds_nobody_up_and_what_it_took_is_confirmed_when_it_goes_on(
    rabbitmq: RabbitMQ, broker_url: str, publish_to: PublishTo
) -> None:
    publishing = publish_to(broker_url)
    publishing.put("before")
    publishing.settled(1)
    rabbitmq.freeze()
    began = time.monotonic()
    ids = numbered(3000)
    publishing.put(*ids)
    assert time.monotonic() - began < 1
    time.sleep(0.5)
    assert publishing.confirmed == ["before"]
    rabbitmq.thaw()
    publishing.settled(3001)
    assert publishing.confirmed == ["before", *ids]


def test_what_waits_while_it_is_frozen_becomes_another_s_after_a_while(
    rabbitmq: RabbitMQ, broker_url: str, publish_to: PublishTo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "MOST_WAIT_S", 0.3)
    monkeypatch.setattr(session_module, "MOST_UNCONFIRMED", 5)
    publishing = publish_to(broker_url)
    publishing.put("before")
    publishing.settled(1)
    rabbitmq.freeze()
    under_way, waiting = numbered(5), numbered(20, first=5)
    publishing.put(*under_way)
    until(lambda: not publishing.queue._waiting)
    publishing.put(*waiting)
    time.sleep(0.4)
    rabbitmq.thaw()
    publishing.settled(26)
    assert publishing.confirmed == ["before", *under_way]
    assert publishing.refused == waiting
    publishing.put_until_confirmed("after")
    assert taken_from(broker_url) == ["before", *under_way, "after"]


def test_a_broker_that_stays_frozen_is_given_up(rabbitmq: RabbitMQ, broker_url: str, publish_to: PublishTo) -> None:
    # pika looks at a connection's age every heartbeat and 5 s.
    publishing = publish_to(f"{broker_url}?heartbeat=1&stack_timeout=1")
    publishing.put("before")
    publishing.settled(1)
    rabbitmq.freeze()
    publishing.put("during")
    publishing.settled(2, within_s=20)
    assert publishing.refused == ["during"]
    publishing.put("no answer")
    publishing.settled(3)
    assert any("does not answer" in reason for reason in publishing.reasons)
    rabbitmq.thaw()
    publishing.put_until_confirmed("after")


def test_the_next_of_several_hosts_is_used_where_one_is_dead(broker_url: str, publish_to: PublishTo) -> None:
    publishing = publish_to(f"amqp://127.0.0.1:{free_port()};amqp://nowhere.invalid;{broker_url}")
    publishing.put("1")
    publishing.settled(1)
    assert (publishing.confirmed, publishing.refused) == (["1"], [])


def test_ids_wait_for_the_round_through_the_hosts_and_are_refused_when_it_failed(publish_to: PublishTo) -> None:
    first, second = free_port(), free_port()
    publishing = publish_to(f"amqp://guest:hunter2@127.0.0.1:{first};amqp://guest:hunter2@127.0.0.1:{second}")
    publishing.put("1", "2")
    publishing.settled(2)
    assert publishing.refused == ["1", "2"]
    (reason,) = publishing.reasons
    assert reason == f"127.0.0.1:{second}: ConnectionRefusedError: [Errno 111] Connection refused"
    with pytest.raises(QueueError):
        publishing.queue.depth()


def test_what_keeps_us_out_is_said_and_the_password_is_not(
    broker_url: str, publish_to: PublishTo, caplog: pytest.LogCaptureFixture
) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        configure_logging("text", "debug")
        root.handlers[:] = handlers
        for url, words in (
            (broker_url.replace("guest:guest", "guest:hunter2"), "ACCESS_REFUSED - Login was refused"),
            (f"{broker_url.replace('guest:guest', 'guest:hunter2')}x", "ACCESS_REFUSED"),
            ("amqp://guest:hunter2@nowhere.invalid", "nowhere.invalid:5672: gaierror"),
        ):
            publishing = publish_to(url)
            publishing.put("1")
            publishing.settled(1)
            (reason,) = publishing.reasons
            assert words in reason
            assert "hunter2" not in reason
    finally:
        root.setLevel(level)
    assert "hunter2" not in caplog.text


def test_a_failure_that_nobody_thought_of_is_logged_and_does_not_end_it(
    broker_url: str, publish_to: PublishTo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    publishing = publish_to(broker_url)
    publishing.put("before")
    publishing.settled(1)
    with monkeypatch.context() as patch:
        patch.setattr(session_module, "encode", lambda _mail_id: 1 / 0)
        publishing.put("during")
        publishing.settled(2)
    assert (publishing.refused, publishing.reasons) == (["during"], {"ZeroDivisionError('division by zero')"})
    until(lambda: "ZeroDivisionError" in caplog.text)
    publishing.put_until_confirmed("after")


# The end.


def test_at_its_end_it_publishes_what_was_put_in(broker_url: str) -> None:
    publishing = Publishing(broker_url)
    ids = numbered(3000)
    publishing.put(*ids)
    publishing.queue.close(20)
    assert (publishing.confirmed, publishing.refused) == (ids, [])
    assert not publishing.queue._thread.is_alive()
    assert taken_from(broker_url) == ids


def test_its_end_does_not_wait_for_a_broker_that_does_not_answer(rabbitmq: RabbitMQ, broker_url: str) -> None:
    publishing = Publishing(broker_url)
    publishing.put("before")
    publishing.settled(1)
    rabbitmq.freeze()
    publishing.put("during")
    began = time.monotonic()
    publishing.queue.close(0.2)
    assert time.monotonic() - began < 3
    assert (publishing.confirmed, publishing.refused) == (["before"], ["during"])
    assert not publishing.queue._thread.is_alive()


def test_its_end_does_not_wait_for_a_broker_that_is_away(publish_to: PublishTo) -> None:
    publishing = publish_to(f"amqp://127.0.0.1:{free_port()}")
    publishing.put("1")
    publishing.settled(1)
    began = time.monotonic()
    publishing.queue.close(10)
    assert time.monotonic() - began < 3


def test_its_end_does_not_wait_for_a_connection_that_is_not_made(publish_to: PublishTo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        publishing = publish_to(f"amqp://127.0.0.1:{silent.getsockname()[1]}")
        publishing.put("1")
        began = time.monotonic()
        publishing.queue.close(0.2)
        assert time.monotonic() - began < 3
    assert publishing.refused == ["1"]
