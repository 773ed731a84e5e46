"""The load of a drill: mails to addresses of their own, at a steady rate, from clients that do not wait in line."""

import http.client
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.drills.unanswered import Unanswered
from tests.integration.system import Answer, ask

#: Clients at the same time; more than a stalled service answers at the rate of the load.
CLIENTS = 24


@dataclass
class Sent:
    """What became of the requests."""

    #: Recipient to the path of the mail's status, for each 202.
    accepted: dict[str, str] = field(default_factory=dict)
    #: Recipient to what was answered instead of a 202: a 503 that says when to come again, and its line of text.
    turned_down: dict[str, str] = field(default_factory=dict)
    #: Any other answers.
    wrong: list[str] = field(default_factory=list)
    #: Those that had none.
    unanswered: list[Unanswered] = field(default_factory=list)
    #: Longest time to an answer, in seconds.
    longest_s: float = 0.0

    def note(self, recipient: str, answer: Answer) -> None:
        words = f"{answer.status} {answer.body.decode().strip()}"
        if answer.status == 202:
            self.accepted[recipient] = answer.headers["Location"]
        elif answer.status == 503 and answer.headers.get("Retry-After", "").isdecimal():
            self.turned_down[recipient] = words
        else:
            self.wrong.append(words)


class Load:
    """Sends mails from the beginning of a `with` statement until `finish`, or its end.

    Args:
        address: the web process.
        per_s: mails a second.
        seed: decides the small irregularities of the rate.
    """

    def __init__(self, address: str, per_s: float, seed: int) -> None:
        self._address = address
        self._per_s = per_s
        self._random = random.Random(seed)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="load")
        self.sent = Sent()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.finish()

    def finish(self) -> None:
        """Send no more, and wait for the answers that are out."""
        self._stopped.set()
        self._thread.join()

    def accepted(self) -> list[tuple[str, str]]:
        """Recipients of mails that were accepted so far, each with the path of its status, the oldest first."""
        with self._lock:
            return list(self.sent.accepted.items())

    def _run(self) -> None:
        number, next_at = 0, time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as clients:
            while not self._stopped.wait(max(0.0, next_at - time.monotonic())):
                clients.submit(self._send, f"t{number:06}@example.com")
                number += 1
                next_at += self._random.uniform(0.5, 1.5) / self._per_s

    def _send(self, recipient: str) -> None:
        began = time.monotonic()
        try:
            answer = ask(self._address, "GET", f"/?sendmail={recipient}")
        except (OSError, http.client.HTTPException) as error:
            with self._lock:
                self.sent.unanswered.append(Unanswered.by(error, began, time.monotonic()))
            return
        took = time.monotonic() - began
        with self._lock:
            self.sent.longest_s = max(self.sent.longest_s, took)
            self.sent.note(recipient, answer)
