"""Watches the status of mails all through a drill: whether it ever says what is not so."""

import http.client
import random
import threading
import time
from types import TracebackType
from typing import Self

from tests.drills.load import Load
from tests.integration.system import ask

_PER_S = 20.0
_FINAL = frozenset({"sent", "failed", "canceled"})


class Watcher:
    """Asks for the status of one mail after the other, 20 times a second, in a `with` statement.

    Args:
        address: the web process.
        load: knows which mails there are.
        seed: decides which are asked for.
    """

    def __init__(self, address: str, load: Load, seed: int) -> None:
        self._address = address
        self._load = load
        self._random = random.Random(seed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher")
        #: Recipient to the time at which `sent` was seen first, in seconds since 1970.
        self.sent_at: dict[str, float] = {}
        self._finals: dict[str, str] = {}
        #: What was seen that must not be.
        self.lies: list[str] = []
        self.answers = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(1 / _PER_S):
            mails = list(self._load.sent.accepted.items())
            if mails:
                # The latest are the ones that move.
                self._look(*mails[-1 - min(int(self._random.expovariate(0.05)), len(mails) - 1)])

    def _look(self, recipient: str, location: str) -> None:
        try:
            answer = ask(self._address, "GET", location, headers={"Accept": "application/json"}, timeout_s=2)
        except (OSError, http.client.HTTPException):
            return
        if answer.status == 404:
            self.lies.append(f"{recipient}: accepted, and not known")
        if answer.status != 200:
            return
        self.answers += 1
        state, before = answer.document["state"], self._finals.get(recipient)
        if before and state != before:
            self.lies.append(f"{recipient}: {before} was final, now {state}")
        if state in _FINAL:
            self._finals[recipient] = state
        if state == "sent":
            self.sent_at.setdefault(recipient, time.time())
