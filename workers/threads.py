"""The worker's threads: one that died is replaced, and what it had is acknowledged."""

import logging
import threading
from typing import Final

from dramatiq import Worker
from dramatiq.broker import MessageProxy

_LOG: Final = logging.getLogger(__name__)


class WorkerThreads:
    """Knows which thread has which message in hand.

    Dramatiq goes on without a thread that died, until none is left and nothing is sent. Its message would stay
    unacknowledged: a few such deaths, and RabbitMQ sends no other.
    """

    def __init__(self) -> None:
        self._in_hand: dict[threading.Thread, MessageProxy] = {}

    def begin(self, message: MessageProxy) -> None:
        """This thread begins with a message."""
        self._in_hand[threading.current_thread()] = message

    def end(self) -> None:
        """This thread's message is acknowledged."""
        self._in_hand.pop(threading.current_thread(), None)

    def replace_dead(self, worker: Worker) -> None:
        """Start a thread for each that died.

        Its message is acknowledged, since it is the outbox that knows what became of the mail: when the lease ends, it
        is due.
        """
        for thread in [thread for thread in worker.workers if not thread.is_alive()]:
            _LOG.error("a worker thread died; another takes its place")
            worker.workers.remove(thread)
            # There is no public way; a test holds this one.
            worker._add_worker()  # noqa: SLF001
            message = self._in_hand.pop(thread, None)
            if message is not None and (consumer := worker.consumers[message.queue_name].consumer):
                consumer.ack(message)
