"""The dispatcher as a thread: in the embedded mode from the start, in a worker process where it is missed."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from messaging.outbox.heartbeats import GONE_AFTER_MS, Heartbeats, Role
from workers.dispatcher import Dispatcher

_LOG: Final = logging.getLogger(__name__)

#: How long to wait for its end, in seconds: what a broker that hangs has not confirmed by then stays due.
_JOIN_S: Final = 3.0


class DispatcherThread:
    """Runs a dispatcher, once it is started; for what it is started does not matter, any number may run.

    Args:
        dispatcher: nobody else runs it in this process.
        heartbeats: where dispatchers are seen.
        clock: tells the time for how long they were not, in seconds.
    """

    def __init__(
        self, dispatcher: Dispatcher, heartbeats: Heartbeats, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._heartbeats = heartbeats
        self._clock = clock
        #: When this began to look; others take a while to be seen for the first time.
        self._looked_since: float | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=dispatcher.run, args=(self._stopped,), name="dispatcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def start_if_missed(self) -> None:
        """Start if no dispatcher has been seen: Dramatiq's master does not notice the death of a fork.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        if self._looked_since is None:
            self._looked_since = self._clock()
        patient = self._clock() - self._looked_since < GONE_AFTER_MS / 1000
        if patient or self._thread.ident is not None or self._stopped.is_set():
            return
        if not self._heartbeats.alive(Role.DISPATCHER):
            _LOG.error("no dispatcher has been seen for %d s: this worker is one from now on", GONE_AFTER_MS // 1000)
            self.start()

    def stop(self) -> None:
        """Have it end. Returns at once."""
        self._stopped.set()

    def join(self) -> None:
        """Wait until it has ended, for a few seconds at the most."""
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)
