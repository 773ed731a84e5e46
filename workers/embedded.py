"""The embedded mode: the worker and its dispatcher as threads of the web process."""

import threading
from typing import Final

from dramatiq import Worker

from workers.assembly import WorkerParts

#: How long the worker may take to finish what it has begun, in milliseconds: above its own grace.
_STOP_MS: Final = 13_000

#: How often idle threads look whether they should end, in milliseconds; Dramatiq's own second makes every end last two.
_IDLE_MS: Final = 200


class EmbeddedWorker:
    """The same actor on the same outbox as in a process of its own, fed by Dramatiq's stub broker.

    Args:
        parts: the worker.
        threads: mails sent at the same time.
    """

    def __init__(self, parts: WorkerParts, threads: int) -> None:
        self._parts = parts
        self._worker = Worker(parts.broker, worker_timeout=_IDLE_MS, worker_threads=threads)
        self._ending = threading.Thread(target=self._worker.stop, args=(_STOP_MS,), name="worker-stop")

    def start(self) -> None:
        # A broker in memory begins empty: what was published to the one before it is published again.
        self._parts.due.forget_published()
        self._worker.start()
        self._parts.dispatcher_thread.start()

    def stop(self) -> None:
        """Begin to stop; what is under way is finished or given back. Returns at once."""
        self._ending.start()

    def join(self) -> None:
        self._ending.join()
