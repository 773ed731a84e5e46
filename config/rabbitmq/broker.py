"""Dramatiq's RabbitMQ broker, with its holes covered."""

import contextlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pika
import pika.exceptions
from dramatiq import Middleware
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import ConnectionClosed

from config.broker_url import BrokerUrl
from config.mail_queue import QueueError
from config.rabbitmq.acknowledgements import Acknowledgements
from config.rabbitmq.reasons import misfit_of

#: Deadlines of a connection to RabbitMQ, in seconds: pika's own defaults wait for ever for a broker that blocks us,
#: and a minute or more for one that is frozen. A URL's own query wins over these.
_DEADLINES: Final = {
    "heartbeat": "15",
    "blocked_connection_timeout": "2",
    "socket_timeout": "2",
    "stack_timeout": "4",
    "connection_attempts": "1",
}

#: How long a connection may take to close, in seconds; pika would wait for RabbitMQ's answer for as long as heartbeats
#: may be missing. What is unacknowledged then goes back to the queue by itself, and finds nothing to claim.
_CLOSE_S: Final = 0.5


class RabbitBroker(RabbitmqBroker):
    """Consumes, and acknowledges nothing under another's number; ids are published by `RabbitQueue`.

    Args:
        url: what `BROKER_URL` says.
        middleware: all the middleware there is.
    """

    def __init__(self, url: BrokerUrl, middleware: list[Middleware]) -> None:
        # Without confirms a publish returns after the write to the socket, whether or not RabbitMQ has the message.
        super().__init__(url=_parameters(url), confirm_delivery=True, middleware=middleware)

    @property
    def consumer_class(self) -> Callable[..., Consumer]:
        return partial(_FencedConsumer, super().consumer_class)

    def close(self) -> None:
        for connection in self.connections:
            _close_within(connection, _CLOSE_S)
        super().close()

    def queue_arguments(self, queue: str) -> dict[str, Any]:
        """What a queue is declared with; RabbitMQ refuses a declaration with any other."""
        arguments: dict[str, Any] = self._build_queue_arguments(queue)  # type: ignore[no-untyped-call]
        return arguments

    def check(self, queue: str) -> None:
        """Find out, on a connection of its own, whether messages can be published to a queue and consumed.

        Raises:
            QueueError: if the queue is there with other arguments than ours.
            Exception: whatever says that none of the hosts can be used (pika lets errors of the resolver, the socket
                and its own through as they are).
        """
        with contextlib.closing(pika.BlockingConnection(self.parameters)) as connection:
            try:
                connection.channel().queue_declare(queue, durable=True, arguments=self.queue_arguments(queue))
            except pika.exceptions.ChannelClosedByBroker as error:
                raise QueueError(misfit_of(queue, error)) from error


class _FencedConsumer(Consumer):
    """A consumer that knows its own messages.

    A worker holds messages of the connection before the last reconnect. RabbitMQ has given them back to the queue and
    counts its delivery tags from 1 again: to acknowledge an old one would take away another message that has the same
    number now.
    """

    def __init__(
        self, consumer_class: Callable[..., Consumer], broker: RabbitBroker, queue: str, prefetch: int, timeout: int
    ) -> None:
        self._consumer = consumer_class(broker, queue, prefetch, timeout)
        self._acknowledgements = Acknowledgements(self._consumer)

    def __next__(self) -> MessageProxy | None:
        message = next(self._consumer)
        if message is not None:
            message.came_by = self  # type: ignore[attr-defined]
            self._acknowledgements.came(_tag(message))
        return message

    # Without its connection a message cannot be acknowledged, now or ever: Dramatiq would hold a thread up for that,
    # even one that has to end.

    def ack(self, message: MessageProxy) -> None:
        if self._is_own(message):
            with contextlib.suppress(pika.exceptions.AMQPConnectionError):
                self._acknowledgements.done(_tag(message))

    def nack(self, message: MessageProxy) -> None:
        if self._is_own(message):
            with contextlib.suppress(ConnectionClosed, pika.exceptions.AMQPConnectionError):
                self._consumer.nack(message)
                self._acknowledgements.refused(_tag(message))

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        self._consumer.requeue([message for message in messages if self._is_own(message)])

    def close(self) -> None:
        _close_within(self._consumer.connection, _CLOSE_S)  # type: ignore[attr-defined]
        self._consumer.close()

    def _is_own(self, message: MessageProxy) -> bool:
        return getattr(message, "came_by", None) is self


def _close_within(connection: pika.BlockingConnection, seconds: float) -> None:
    """Have a connection dropped that is still open after `seconds`; only who waits for something on it drops it."""
    if connection.is_open:
        # There is no public way; this is how pika's own heartbeat gives a connection up.
        inner = connection._impl  # type: ignore[attr-defined] # noqa: SLF001
        inner._adapter_call_later(seconds, partial(_drop, inner))  # noqa: SLF001


def _drop(inner: Any) -> None:
    if not inner.is_closed:
        inner._terminate_stream(pika.exceptions.AMQPConnectionError("RabbitMQ does not answer"))  # noqa: SLF001


def _tag(message: MessageProxy) -> int:
    """The number that RabbitMQ has given to a message on its connection."""
    tag: int = message._tag  # noqa: SLF001 (Dramatiq has no other name for it)
    return tag


def _parameters(url: BrokerUrl) -> list[str]:
    return [_with_deadlines(host.reveal()) for host in url.hosts]


def _with_deadlines(host: str) -> str:
    parts = urlsplit(host)
    query: dict[str, Any] = {**_DEADLINES, **dict(parse_qsl(parts.query))}
    return urlunsplit(parts._replace(query=urlencode(query)))
