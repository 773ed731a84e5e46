"""The Dramatiq broker that carries mail ids from the outbox to the workers."""

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pika
from dramatiq import Message, Middleware
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.stub import StubBroker

from config.broker_url import BrokerUrl
from config.errors import MessagingError

#: The queue that carries ids of mails that are due; its arguments are Dramatiq's own.
QUEUE: Final = "mail"

#: The actor that delivers one mail.
ACTOR: Final = "deliver"

#: Most ids that wait in the embedded broker, about 250 bytes each; the others stay due in the outbox.
MEMORY_LIMIT: Final = 10_000

#: Deadlines of a connection to RabbitMQ, in seconds: pika's own defaults wait for ever for a broker that blocks us,
#: and a minute or more for one that is frozen. A URL's own query wins over these.
_DEADLINES: Final = {
    "heartbeat": "15",
    "blocked_connection_timeout": "2",
    "socket_timeout": "2",
    "stack_timeout": "4",
    "connection_attempts": "1",
}


class BrokerFullError(MessagingError):
    """Raised when the embedded broker holds as many ids as it may."""


class MemoryBroker(StubBroker):
    """Dramatiq's in-process broker with a bound."""

    def enqueue(self, message: Message, *, delay: int | None = None) -> Message:  # type: ignore[type-arg]
        if self.depth() >= MEMORY_LIMIT:
            raise BrokerFullError(f"{MEMORY_LIMIT} ids are waiting already")
        return super().enqueue(message, delay=delay)

    def depth(self) -> int:
        """Count the ids that wait in the queue."""
        depth: int = self.queues[QUEUE].qsize()
        return depth


class RabbitBroker(RabbitmqBroker):
    """Dramatiq's RabbitMQ broker that can also say how much lies in its queue."""

    def depth(self) -> int:
        """Count the ids that wait in the queue; those that workers hold are not among them."""
        try:
            depth: int = self.channel.queue_declare(QUEUE, passive=True).method.message_count
        except Exception:
            # The channel, or all of the connection, is of no use after an error: the next caller opens a new one.
            del self.connection
            raise
        return depth


MailBroker = MemoryBroker | RabbitBroker


def make_broker(url: BrokerUrl, middleware: list[Middleware]) -> MailBroker:
    """Make the broker that `BROKER_URL` names; nothing is opened yet.

    Args:
        url: what `BROKER_URL` says.
        middleware: all the middleware there is; none of Dramatiq's defaults is added. Its retries, time limits and
            delays have no part in mail (docs/design.md, "One rule").
    """
    if url.embedded:
        broker: MailBroker = MemoryBroker(middleware)
    else:
        # Without confirms a publish returns after the write to the socket, whether or not RabbitMQ has the message.
        broker = RabbitBroker(
            url=[with_deadlines(host.reveal()) for host in url.hosts], confirm_delivery=True, middleware=middleware
        )
    broker.declare_queue(QUEUE)
    return broker


def message_for(mail_id: str) -> Message:  # type: ignore[type-arg]
    """Make the message that tells a worker that a mail is due: its id and nothing else."""
    return Message(queue_name=QUEUE, actor_name=ACTOR, args=(mail_id,), kwargs={}, options={})


def with_deadlines(url: str) -> str:
    parts = urlsplit(url)
    query = {**_DEADLINES, **dict(parse_qsl(parts.query))}
    return urlunsplit(parts._replace(query=urlencode(query)))


def check_reachable(url: BrokerUrl) -> None:
    """Open and close one connection to the broker.

    Raises:
        Exception: whatever says that none of its hosts can be used (pika lets errors of the resolver, the socket and
            its own through as they are).
    """
    if not url.embedded:
        pika.BlockingConnection([pika.URLParameters(with_deadlines(host.reveal())) for host in url.hosts]).close()
