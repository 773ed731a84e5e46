"""The Dramatiq broker that carries mail ids from the outbox to the workers."""

from typing import Final

from dramatiq import Message, Middleware

from config.broker_url import BrokerUrl
from config.memory_broker import MemoryBroker
from config.rabbit_broker import RabbitBroker

#: The queue that carries ids of mails that are due; its arguments are Dramatiq's own.
QUEUE: Final = "mail"

#: The actor that delivers one mail.
ACTOR: Final = "deliver"

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


def message_for(mail_id: str) -> Message:  # type: ignore[type-arg]
    """Make the message that tells a worker that a mail is due: its id and nothing else."""
    return Message(queue_name=QUEUE, actor_name=ACTOR, args=(mail_id,), kwargs={}, options={})
