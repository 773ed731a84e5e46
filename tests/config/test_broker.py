"""The brokers, without a server: what they are made of, and the bound of the embedded one."""

import socket
from typing import NoReturn

import pika
import pytest
from dramatiq import Middleware

from config.broker import (
    ACTOR,
    MEMORY_LIMIT,
    QUEUE,
    BrokerFullError,
    MemoryBroker,
    RabbitBroker,
    check_reachable,
    make_broker,
    message_for,
    with_deadlines,
)
from config.broker_url import parse_broker_url
from config.errors import MessagingError


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


def test_a_message_carries_the_id_alone() -> None:
    message = message_for("0190-id")
    assert (message.queue_name, message.actor_name) == (QUEUE, ACTOR)
    assert (message.args, message.kwargs, message.options) == (("0190-id",), {}, {})


@pytest.mark.parametrize("url", ["memory://", "amqp://host"])
def test_a_broker_has_our_queue_and_the_middleware_it_was_given_and_no_other(url: str) -> None:
    ours = Middleware()
    assert make_broker(parse_broker_url(url), []).middleware == []
    broker = make_broker(parse_broker_url(url), [ours])
    assert broker.middleware == [ours]
    assert QUEUE in broker.get_declared_queues()


def test_the_embedded_broker_counts_what_waits(memory: MemoryBroker) -> None:
    assert memory.depth() == 0
    memory.enqueue(message_for("a"))
    memory.enqueue(message_for("b"))
    assert memory.depth() == 2


def test_the_embedded_broker_takes_no_more_than_its_bound_and_goes_on_below_it(
    memory: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MEMORY_LIMIT == 10_000
    monkeypatch.setattr("config.broker.MEMORY_LIMIT", 3)
    for mail_id in "abc":
        memory.enqueue(message_for(mail_id))
    for _ in range(2):
        with pytest.raises(BrokerFullError, match="3 ids are waiting already"):
            memory.enqueue(message_for("d"))
    assert memory.depth() == 3
    memory.queues[QUEUE].get_nowait()
    memory.enqueue(message_for("d"))
    assert memory.depth() == 3
    assert issubclass(BrokerFullError, MessagingError)


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
    url = with_deadlines("amqps://u%3A:p%2F@[::1]:5671/%2Fv?heartbeat=0")
    assert url.startswith("amqps://u%3A:p%2F@[::1]:5671/%2Fv?heartbeat=0&")
    assert with_deadlines(url) == url


def test_the_embedded_broker_is_always_reachable() -> None:
    check_reachable(parse_broker_url("memory://"))
