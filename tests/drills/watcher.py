"""Watches the status of mails all through a drill: whether it ever says what is not so."""

import http.client
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from tests.drills.load import Load
from tests.drills.unanswered import Unanswered
from tests.integration.system import ask

PER_S: Final = 20.0

#: Mails that are followed from when they were the newest to the end, and how many looks there are to each that begins.
_FOLLOWED: Final = 40
_LOOKS_TO_EACH: Final = 8

#: A mail that was accepted: recipient and path of its status.
Mail = tuple[str, str]

_FINAL: Final = frozenset({"sent", "failed", "canceled"})


@dataclass
class Seen:
    """What the status said."""

    #: How often it was asked for and given, and the requests that had no answer.
    looks: int = 0
    unanswered: list[Unanswered] = field(default_factory=list)
    #: How many of the looks were at a mail that had been seen before.
    again: int = 0
    #: From the first mail to the end, in seconds.
    watched_s: float = 0.0
    #: Recipient to the time at which `sent` was seen first, in seconds since 1970.
    sent_at: dict[str, float] = field(default_factory=dict)
    #: What must not be.
    lies: list[str] = field(default_factory=list)


class Turns:
    """Whose turn it is to be looked at: by turns a mail that is followed, and one of the latest, which move.

    Args:
        seed: decides which of the latest.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._looks = 0
        self._followed: list[Mail] = []

    def next(self, mails: Sequence[Mail]) -> Mail:
        """Choose.

        Args:
            mails: all there are, at least one, the oldest first.
        """
        self._looks += 1
        if self._looks % 2 == 0:
            return mails[-1 - min(int(self._random.expovariate(0.05)), len(mails) - 1)]
        if self._looks % _LOOKS_TO_EACH == 1 and len(self._followed) < _FOLLOWED and mails[-1] not in self._followed:
            self._followed.append(mails[-1])
        else:
            self._followed.append(self._followed.pop(0))
        return self._followed[-1]


class Watcher:
    """Asks for the status of one mail after the other, 20 times a second, in a `with` statement.

    Args:
        address: the web process.
        key: shows all that there is to see.
        load: knows which mails there are.
        seed: decides which are asked for.
    """

    def __init__(self, address: str, key: str, load: Load, seed: int) -> None:
        self._address = address
        self._headers = {"Accept": "application/json", "Authorization": f"Bearer {key}"}
        self._load = load
        self._turns = Turns(seed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher")
        #: Recipient to the state and the number of attempts that were seen last.
        self._last: dict[str, tuple[str, int]] = {}
        self.seen = Seen()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        began_at = None
        next_at = time.monotonic()
        while not self._stopped.wait(max(0.0, next_at - time.monotonic())):
            next_at = max(next_at + 1 / PER_S, time.monotonic())  # what was missed is not made up for
            mails = self._load.accepted()
            if mails:
                began_at = began_at or time.monotonic()
                self._look(*self._turns.next(mails))
                self.seen.watched_s = time.monotonic() - began_at

    def _look(self, recipient: str, location: str) -> None:
        began = time.monotonic()
        try:
            answer = ask(self._address, "GET", location, headers=self._headers, timeout_s=10)
        except (OSError, http.client.HTTPException) as error:
            self.seen.unanswered.append(Unanswered.by(error, began, time.monotonic()))
            return
        if answer.status != 200:
            self.seen.lies.append(f"{recipient}: accepted, and its status is {answer.status}")
            return
        self.seen.looks += 1
        self.seen.again += recipient in self._last
        self._judge(recipient, answer.document["state"], len(answer.document["attempts"]))

    def _judge(self, recipient: str, state: str, attempts: int) -> None:
        state_before, attempts_before = self._last.get(recipient, ("", 0))
        if state_before in _FINAL and state != state_before:
            self.seen.lies.append(f"{recipient}: {state_before} was final, now {state}")
        if attempts < attempts_before:
            self.seen.lies.append(f"{recipient}: had {attempts_before} attempts, now {attempts}")
        self._last[recipient] = (state, attempts)
        if state == "sent":
            self.seen.sent_at.setdefault(recipient, time.time())
