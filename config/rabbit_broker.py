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
from config.errors import MessagingError

#: Deadlines of a connection to RabbitMQ, in seconds: pika's own defaults wait for ever for a broker that blocks us,
#: and a minute or more for one that is frozen. A URL's own query wins over these.
_DEADLINES: Final = {
    "heartbeat": "15",
    "blocked_connection_timeout": "2",
    "socket_timeout": "2",
    "stack_timeout": "4",
    "connection_attempts": "1",
}

#: AMQP's reply code where there is no such queue.
_NOT_FOUND: Final = 404


class RabbitBroker(RabbitmqBroker):
    """Confirms every publish, says how much lies in a queue, and acknowledges nothing under another's number.

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

    def depth(self, queue: str) -> int:
        """Count the messages that wait in a queue; those that workers hold are not among them."""
        try:
            depth: int = self.channel.queue_declare(queue, passive=True).method.message_count
        except Exception as error:
            # The channel, or all of the connection, is of no use after an error: the next caller opens a new one.
            del self.connection
            if isinstance(error, pika.exceptions.ChannelClosedByBroker) and error.reply_code == _NOT_FOUND:
                return 0  # the next publish makes it
            raise
        return depth

    def check(self, queue: str) -> None:
        """Find out, on a connection of its own, whether messages can be published to a queue and consumed.

        Raises:
            BrokerMisfitError: if the queue is there with other arguments than ours.
            Exception: whatever says that none of the hosts can be used (pika lets errors of the resolver, the socket
                and its own through as they are).
        """
        with contextlib.closing(pika.BlockingConnection(self.parameters)) as connection:
            arguments: dict[str, Any] = self._build_queue_arguments(queue)  # type: ignore[no-untyped-call]
            try:
                connection.channel().queue_declare(queue, durable=True, arguments=arguments)
            except pika.exceptions.ChannelClosedByBroker as error:
                raise BrokerMisfitError(f"queue {queue}: {error.reply_text}; delete it, it is made anew") from error


class BrokerMisfitError(MessagingError):
    """Raised when RabbitMQ answers, and has something against us."""


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

    def __next__(self) -> MessageProxy | None:
        message = next(self._consumer)
        if message is not None:
            message.came_by = self  # type: ignore[attr-defined]
        return message

    def ack(self, message: MessageProxy) -> None:
        # Without its connection it cannot be acknowledged, now or ever: Dramatiq would hold a thread up for that, even
        # one that has to end.
        if self._is_own(message):
            with contextlib.suppress(ConnectionClosed):
                self._consumer.ack(message)

    def nack(self, message: MessageProxy) -> None:
        if self._is_own(message):
            with contextlib.suppress(ConnectionClosed):
                self._consumer.nack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        self._consumer.requeue([message for message in messages if self._is_own(message)])

    def close(self) -> None:
        self._consumer.close()

    def _is_own(self, message: MessageProxy) -> bool:
        return getattr(message, "came_by", None) is self


def _parameters(url: BrokerUrl) -> list[str]:
    return [_with_deadlines(host.reveal()) for host in url.hosts]


def _with_deadlines(host: str) -> str:
    parts = urlsplit(host)
    query: dict[str, Any] = {**_DEADLINES, **dict(parse_qsl(parts.query))}
    return urlunsplit(parts._replace(query=urlencode(query)))
