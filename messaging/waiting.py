"""Holds requests up until a mail is in a final state, a few of them at a time."""

import logging
import re
import threading
from dataclasses import dataclass, field
from typing import Final

from config import values
from messaging.errors import InvalidError, UnauthorizedError
from messaging.gate import Caller
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import Outbox

_LOG: Final = logging.getLogger(__name__)

#: The parameter that asks for it.
WAIT: Final = "wait"

#: Longest wait of a request, in seconds: proxies give up after 30, and so does Nginx as we set it up.
MOST_WAIT_S: Final = 25.0

#: How often the database is asked while somebody waits, in seconds: once for all who do.
_ASK_EVERY_S: Final = 0.02


@dataclass(eq=False, slots=True)
class _Waiter:
    mail_id: str
    final: threading.Event = field(default_factory=threading.Event)


def most_waiting(threads: int) -> int:
    """How many of so many threads may wait for mails: the others are left for other requests."""
    return min(threads - 1, max(1, threads // 4))


class Waits:
    """Lets threads wait for mails; whoever sends those may be another process.

    Args:
        outbox: knows which mails are final.
        most: how many may wait at the same time; the threads of all others are left for other requests.
    """

    def __init__(self, outbox: Outbox, most: int) -> None:
        self._outbox = outbox
        self._most = most
        self._lock = threading.Lock()
        self._waiters: set[_Waiter] = set()
        self._asking = False
        self._ending = threading.Event()

    def until_final(self, mail_id: str, timeout_s: float) -> None:
        """Return when a mail is final, or the time is over, or no more can wait, or the process ends."""
        waiter = _Waiter(mail_id)
        with self._lock:
            if self._ending.is_set() or len(self._waiters) >= self._most:
                return
            self._waiters.add(waiter)
            start, self._asking = not self._asking, True
        if start:
            self._start()
        waiter.final.wait(timeout_s)
        with self._lock:
            self._waiters.discard(waiter)

    def end(self) -> None:
        """Let all who wait go on."""
        self._ending.set()
        with self._lock:
            self._let_go()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._ask, name="waits", daemon=True).start()
        except RuntimeError as error:  # the machine has no room for another one
            _LOG.error("nobody can wait for mails now: %s", error)
            self._give_up()

    def _ask(self) -> None:
        try:
            self._ask_while_any()
        except Exception:
            _LOG.exception("asking whether mails are final failed in a way that nobody thought of")
            self._give_up()

    def _give_up(self) -> None:
        """Let all who wait go on, and have the next one start anew."""
        with self._lock:
            self._asking = False
            self._let_go()

    def _let_go(self) -> None:
        for waiter in self._waiters:
            waiter.final.set()

    def _ask_while_any(self) -> None:
        while True:
            with self._lock:
                waiters = list(self._waiters)
                if not waiters:
                    self._asking = False
                    return
            try:
                final = self._outbox.finished([waiter.mail_id for waiter in waiters])
            except OutboxUnavailableError as error:
                _LOG.info("whether mails are final is not known now: %s", error)
                final = set()
            for waiter in waiters:
                if waiter.mail_id in final:
                    waiter.final.set()
            self._ending.wait(_ASK_EVERY_S)


_DURATION: Final = re.compile(r"\d{1,5}(ms|s)", re.ASCII)


def parse_wait(text: str | None, caller: Caller) -> float | None:
    """How long a request wants to wait, in seconds; None if it does not.

    Raises:
        UnauthorizedError: to a stranger: threads that wait are few.
        InvalidError: if it is no time, or too long.
    """
    if text is None:
        return None
    if not caller.known:
        raise UnauthorizedError("waiting needs a key")
    wait_s = values.duration(text) if _DURATION.fullmatch(text) else None
    if wait_s is None or wait_s > MOST_WAIT_S:
        raise InvalidError(f"must be a time such as 500ms or 20s, {MOST_WAIT_S:.0f}s at the most", field=WAIT)
    return wait_s
