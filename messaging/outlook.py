"""What stands between the mails that wait and their being sent, in plain words."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.heartbeats import GONE_AFTER_MS, Heartbeats
from messaging.outbox.relay_hold import RelayHold
from messaging.timestamps import timestamp

#: How long an answer of the database is good for, in seconds: requests must not each ask it.
_FRESH_FOR_S: Final = 2.0

_NO_WORKER: Final = f"no worker has been seen for {GONE_AFTER_MS // 1000} s, it waits for one"


@dataclass(frozen=True, slots=True)
class Remark:
    """Why mails wait; both empty if nothing keeps them."""

    #: For anybody.
    public: str = ""
    #: With the relay's words, for who has a key.
    full: str = field(default="", repr=False)


class Outlook:
    """Says why a mail that was accepted may have to wait.

    Args:
        hold: says whether the relay is held.
        heartbeats: says whether there is a worker.
        clock: tells the time for the age of what is known, in seconds.
    """

    def __init__(self, hold: RelayHold, heartbeats: Heartbeats, clock: Callable[[], float] = time.monotonic) -> None:
        self._hold = hold
        self._heartbeats = heartbeats
        self._clock = clock
        self._known = Remark()
        self._known_at = float("-inf")
        self._asking = threading.Lock()

    def remark(self, *, in_full: bool) -> str:
        """Say what is known now; never fails, and hardly ever asks.

        Args:
            in_full: with the relay's words, for who has a key.
        """
        known = self._latest()
        return known.full if in_full else known.public

    def _latest(self) -> Remark:
        if self._clock() - self._known_at > _FRESH_FOR_S and self._asking.acquire(blocking=False):
            try:
                self._known = self._ask()
                self._known_at = self._clock()
            finally:
                self._asking.release()
        return self._known

    def _ask(self) -> Remark:
        try:
            hold = self._hold.read()
            if hold:
                since = f"the relay is held since {timestamp(hold.since)}"
                return Remark(since, f"{since}: {hold.reason}; it is tried again at {timestamp(hold.probe_at)}")
            return Remark() if self._heartbeats.alive() else Remark(_NO_WORKER, _NO_WORKER)
        except OutboxUnavailableError:
            return Remark()
