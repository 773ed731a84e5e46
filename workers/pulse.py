"""The pulse of a worker process: what has to be done every few seconds while it lives."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

_LOG: Final = logging.getLogger(__name__)

#: Longest time between two beats, in seconds: a worker that was not seen for 40 s counts as gone.
MOST_PERIOD_S: Final = 10.0

#: Beats in the time of one lease: all but one of them may fail.
_BEATS_PER_LEASE: Final = 4

#: Beats that come in the time of one, after one that failed: leases may have ended while the database was away.
_HURRIED_BEATS: Final = 8


def period_s(lease_s: float) -> float:
    """The time between two beats of workers with such a lease."""
    return min(lease_s / _BEATS_PER_LEASE, MOST_PERIOD_S)


class Pulse:
    """A thread that does its duties again and again; one that fails does not keep the others from being done.

    Args:
        duties: what to do at each beat.
        lease_s: how long a lease lasts.
    """

    def __init__(self, duties: Sequence[Callable[[], None]], lease_s: float) -> None:
        self._duties = duties
        self._period_s = period_s(lease_s)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the duty that is being done, if there is one."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            failed = False
            for duty in self._duties:
                if self._stopped.is_set():
                    return
                try:
                    duty()
                except Exception as error:
                    failed = True
                    _LOG.warning("a duty of the worker's pulse failed: %s: %s", type(error).__name__, error)
            if self._stopped.wait(self._period_s / _HURRIED_BEATS if failed else self._period_s):
                return
