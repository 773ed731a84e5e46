"""Dramatiq's in-process broker, with a bound."""

from typing import Final

from dramatiq import Message
from dramatiq.brokers.stub import StubBroker

from config.errors import MessagingError

#: Most ids that wait, about 250 bytes each; the others stay due in the outbox.
MEMORY_LIMIT: Final = 10_000


class BrokerFullError(MessagingError):
    """Raised when the embedded broker holds as many ids as it may."""


class MemoryBroker(StubBroker):
    """The broker of the embedded mode: what it holds ends with the process, and is published again by the next."""

    def enqueue(self, message: Message, *, delay: int | None = None) -> Message:  # type: ignore[type-arg]
        if self.depth(message.queue_name) >= MEMORY_LIMIT:
            raise BrokerFullError(f"{MEMORY_LIMIT} ids are waiting already")
        return super().enqueue(message, delay=delay)

    def depth(self, queue: str) -> int:
        """Count the messages that wait in a queue."""
        depth: int = self.queues[queue].qsize()
        return depth

    def check(self, queue: str) -> None:
        """Do nothing: what is in this process is there."""
