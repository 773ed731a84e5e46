"""The Dramatiq broker that carries mail ids from the outbox to the workers, and the queue on it."""

from dramatiq import Middleware

from config.broker_url import BrokerUrl
from config.mail_queue import MailQueue
from config.memory_broker import MemoryBroker
from config.memory_queue import MemoryQueue
from config.message import QUEUE
from config.rabbitmq.broker import RabbitBroker
from config.rabbitmq.queue import RabbitQueue

MailBroker = MemoryBroker | RabbitBroker


def make_broker(url: BrokerUrl, middleware: list[Middleware]) -> MailBroker:
    """Make the broker that `BROKER_URL` names; nothing is opened yet.

    Args:
        url: what `BROKER_URL` says.
        middleware: all the middleware there is; none of Dramatiq's defaults is added. Its retries, time limits and
            delays have no part in mail (docs/design.md, "One rule").
    """
    broker: MailBroker = MemoryBroker(middleware) if url.embedded else RabbitBroker(url, middleware)
    broker.declare_queue(QUEUE)
    return broker


def make_queue(broker: MailBroker) -> MailQueue:
    """Make the way by which ids are published to a broker; one for each who publishes, and nothing is opened yet."""
    return MemoryQueue(broker) if isinstance(broker, MemoryBroker) else RabbitQueue(broker)
