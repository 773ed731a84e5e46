"""The brokers, without a server: what they are made of."""

import socket
from collections.abc import Callable
from typing import NoReturn

import pika
import pytest
from dramatiq import Middleware
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from config.broker import make_broker, make_queue
from config.broker_url import parse_broker_url
from config.memory_broker import MemoryBroker
from config.memory_queue import MemoryQueue
from config.message import QUEUE
from config.rabbitmq.broker import RabbitBroker
from config.rabbitmq.queue import RabbitQueue
from tests.fixtures.brokers import message_for
from tests.fixtures.consumers import ScriptedConsumer


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> NoReturn:
        pytest.fail("something was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def memory() -> MemoryBroker:
    broker = make_broker(parse_broker_url("memory://"), [])
    assert isinstance(broker, MemoryBroker)
    return broker


def _rabbit(value: str) -> RabbitBroker:
    broker = make_broker(parse_broker_url(value), [])
    assert isinstance(broker, RabbitBroker)
    return broker


@pytest.mark.parametrize("url", ["memory://", "amqp://host"])
def test_a_broker_has_our_queue_and_the_middleware_it_was_given_and_no_other(url: str) -> None:
    ours = Middleware()
    assert make_broker(parse_broker_url(url), []).middleware == []
    broker = make_broker(parse_broker_url(url), [ours])
    assert broker.middleware == [ours]
    assert QUEUE in broker.get_declared_queues()


def test_each_broker_is_published_to_in_its_own_way(memory: MemoryBroker) -> None:
    assert isinstance(make_queue(memory), MemoryQueue)
    assert isinstance(make_queue(_rabbit("amqp://host")), RabbitQueue)


def test_rabbitmq_confirms_every_message() -> None:
    assert _rabbit("amqp://host").confirm_delivery is True


def test_no_wait_for_rabbitmq_is_without_an_end() -> None:
    (parameters,) = _rabbit("amqp://host").parameters
    assert parameters.heartbeat == 15
    assert parameters.blocked_connection_timeout == 2
    assert parameters.socket_timeout == 2
    assert parameters.stack_timeout == 4
    assert parameters.connection_attempts == 1


def test_every_host_has_the_deadlines_and_what_its_own_url_says_wins() -> None:
    first, second = _rabbit("amqp://u:p%40@a:5673/%2F?heartbeat=60&locale=de_DE;amqp://b/mail").parameters
    assert (first.host, first.port, first.virtual_host) == ("a", 5673, "/")
    assert first.credentials == pika.PlainCredentials("u", "p@")
    assert (first.heartbeat, first.locale, first.stack_timeout) == (60, "de_DE", 4)
    assert (second.host, second.port, second.virtual_host) == ("b", 5672, "mail")
    assert (second.heartbeat, second.stack_timeout) == (15, 4)


def test_the_deadlines_change_nothing_else_of_a_url() -> None:
    host = "amqps://u%3A:p%2F@[::1]:5671/%2Fv?heartbeat=0"
    (changed,) = _rabbit(host).parameters
    unchanged = pika.URLParameters(host)
    for name in ("host", "port", "virtual_host", "credentials", "heartbeat"):
        assert getattr(changed, name) == getattr(unchanged, name)
    assert changed.ssl_options is not None
    assert changed.blocked_connection_timeout == 2


def test_the_embedded_broker_is_always_there(memory: MemoryBroker) -> None:
    memory.check(QUEUE)


@pytest.fixture
def consume(monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Consumer, ScriptedConsumer]]:
    """Connects: makes a consumer as Dramatiq does after each reconnect, with the one inside that talks to RabbitMQ."""
    inside: list[ScriptedConsumer] = []

    def make(broker: object, queue: str, prefetch: int, timeout: int) -> ScriptedConsumer:
        inside.append(ScriptedConsumer(broker, queue, prefetch, timeout))
        return inside[-1]

    monkeypatch.setattr(RabbitmqBroker, "consumer_class", property(lambda _broker: make))
    broker = _rabbit("amqp://host")

    def consume() -> tuple[Consumer, ScriptedConsumer]:
        return broker.consumer_class(broker, QUEUE, 3, 250), inside[-1]

    return consume


Consume = Callable[[], tuple[Consumer, ScriptedConsumer]]


def received(consumer: Consumer) -> MessageProxy:
    message = next(consumer)
    assert message is not None
    return message


def test_what_came_by_a_connection_is_acknowledged_on_it(consume: Consume) -> None:
    consumer, inside = consume()
    assert inside.made_with == (QUEUE, 3, 250)
    first, second, third = (received(consumer) for _ in range(3))
    consumer.ack(first)
    consumer.nack(second)
    consumer.requeue([third])
    inside.connection.run()
    assert (inside.channel.acknowledged, inside.channel.refused, inside.requeued) == ({1}, {2}, [third])
    assert first.args == ("0190-id",)


def test_what_came_by_the_connection_before_is_given_back_by_rabbitmq_and_not_by_us(consume: Consume) -> None:
    before, inside_before = consume()
    old = received(before)
    consumer, inside = consume()
    new = received(consumer)
    consumer.ack(old)
    consumer.nack(old)
    consumer.requeue([old, new])
    inside_before.connection.run()
    inside.connection.run()
    assert inside.requeued == [new]
    assert (inside_before.channel.out, inside.channel.out) == ({1}, {1})


def test_what_came_from_nowhere_is_not_acknowledged(consume: Consume) -> None:
    consumer, inside = consume()
    stray = MessageProxy(message_for("0190-id"))
    consumer.ack(stray)
    consumer.nack(stray)
    consumer.requeue([stray])
    inside.connection.run()
    assert (inside.channel.acknowledged, inside.channel.refused, inside.requeued) == (set(), set(), [])


def test_a_connection_that_is_closed_holds_up_nobody(consume: Consume, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer, inside = consume()
    first, second = received(consumer), received(consumer)

    def refuse(_callback: object) -> NoReturn:
        raise pika.exceptions.ConnectionWrongStateError

    monkeypatch.setattr(inside.connection, "add_callback_threadsafe", refuse)
    consumer.ack(first)
    consumer.ack(second)
    assert inside.channel.out == {1, 2}


def test_a_fenced_consumer_idles_and_closes_as_the_one_inside(consume: Consume) -> None:
    consumer, inside = consume()
    inside.idle = True
    assert next(consumer) is None
    consumer.close()
    assert inside.closed
