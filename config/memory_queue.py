"""The queue of the embedded mode, with a bound."""

from typing import Final

from config.mail_queue import Settled
from config.memory_broker import MemoryBroker
from config.message import QUEUE, encode

#: Most ids that wait, about 250 bytes each; the others stay due in the outbox.
MEMORY_LIMIT: Final = 10_000


class MemoryQueue:
    """Puts ids where the embedded worker takes them from; any number of these may share a broker.

    Args:
        broker: the embedded worker's.
    """

    def __init__(self, broker: MemoryBroker) -> None:
        self._queue = broker.queues[QUEUE]

    def open(self, settled: Settled) -> None:
        self._settled = settled

    def put(self, mail_id: str) -> None:
        if self.depth() >= MEMORY_LIMIT:
            self._settled([mail_id], f"{MEMORY_LIMIT} ids are waiting already")
            return
        self._queue.put(encode(mail_id))
        self._settled([mail_id], None)

    def depth(self) -> int:
        depth: int = self._queue.qsize()
        return depth

    def close(self, timeout_s: float) -> None:
        """Do nothing: every id was settled when it was put in."""
