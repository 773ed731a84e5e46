"""Tells the broker of freshly accepted mails, off the request's thread."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from config.mail_queue import MailQueue
from messaging.outbox.confirms import Confirms
from messaging.outbox.due import DueMails
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.relay_hold import RelayHold

_LOG: Final = logging.getLogger(__name__)

#: Wait before a confirm is noted, in seconds: its mail has been claimed by then, mostly, and is not written to; if not,
#: it has not fallen due.
_NOTE_AFTER_S: Final = 0.25

#: Longest wait of an id until it is known whether the relay is held, in seconds. With its wait for its turn
#: (config/rabbitmq/session.py) it stays below the time after which it is a dispatcher's.
_SURE_WITHIN_S: Final = 0.9

#: Most ids whose confirms are noted in one transaction: others want to write, too.
_BATCH: Final = 500

#: Most ids that wait for anything here, about 100 bytes each; the others stay due in the outbox.
MOST_WAITING: Final = 20_000


class Publisher(Protocol):
    """Takes ids of mails that were just stored; must not wait and must not fail."""

    def publish(self, mail_id: str) -> None: ...


class BrokerPublisher:
    """Hands ids to the broker's queue, and notes in the outbox what the broker confirmed.

    What is not published is not lost: it stays due. While the relay is known to be held nothing is published. That it
    is held is found out when confirms are noted; what went out before that is turned down by the workers, is not noted,
    and stays due, too.

    Args:
        queue: where ids go.
        due: where it is noted that they went.
        hold: says whether the relay is held.
        confirms: where it is noted when they did.
    """

    def __init__(self, queue: MailQueue, due: DueMails, hold: RelayHold, confirms: Confirms) -> None:
        self._queue = queue
        self._due = due
        self._hold = hold
        self._confirms = confirms
        #: False while the relay is held, or nobody has asked yet; ids then wait in `_unsure`, with the time they came.
        self._free = False
        self._unsure: deque[tuple[float, str]] = deque()
        self._confirmed: deque[str] = deque()
        self._refused: str | None = None
        self._down = False
        self._work = threading.Event()
        self._ending = threading.Event()
        self._ends_at = 0.0
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._queue.open(self._settle)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Publish what waits and end, within `timeout_s`."""
        self._ends_at = time.monotonic() + timeout_s
        self._ending.set()
        self._work.set()
        self._thread.join(timeout_s)

    def publish(self, mail_id: str) -> None:
        if self._free:
            self._queue.put(mail_id)
        elif len(self._unsure) < MOST_WAITING:
            self._unsure.append((time.monotonic(), mail_id))
            self._work.set()

    def _settle(self, ids: Sequence[str], refused: str | None) -> None:
        if refused:
            self._refused = refused
        else:
            self._confirms.came(ids)
            if len(self._confirmed) < MOST_WAITING:
                self._confirmed.extend(ids)
        if not self._work.is_set():
            self._work.set()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._work.wait()
            self._work.clear()
            self._publish_unsure()
            confirmed = self._take_confirmed()
            self._ending.wait(_NOTE_AFTER_S)
            self._note(confirmed)
        self._publish_unsure()
        self._queue.close(self._ends_at - time.monotonic())
        self._note(self._take_confirmed())

    def _take_confirmed(self) -> list[str]:
        refused, self._refused = self._refused, None
        confirmed = [self._confirmed.popleft() for _ in range(len(self._confirmed))]
        if _LOG.isEnabledFor(logging.DEBUG):
            for mail_id in confirmed:
                _LOG.debug("mail %s is in the broker's queue", mail_id)
        if refused and not self._down:
            _LOG.warning("cannot publish (%s); mails are accepted and stay due in the outbox", refused)
            self._down = True
        elif self._down and confirmed and not refused:
            _LOG.info("publishing again")
            self._down = False
        return confirmed

    def _publish_unsure(self) -> None:
        if not self._unsure:
            return
        free = False
        try:
            free = self._ask()
        except OutboxUnavailableError as error:
            _LOG.warning("%d mails are not published now, they stay due: %s", len(self._unsure), error)
        since = time.monotonic() - _SURE_WITHIN_S
        while self._unsure:
            came_at, mail_id = self._unsure.popleft()
            if free and came_at >= since:
                self._queue.put(mail_id)

    def _note(self, ids: Sequence[str]) -> None:
        try:
            if ids and self._ask():
                for first in range(0, len(ids), _BATCH):
                    self._due.mark_first_published(ids[first : first + _BATCH])
            self._confirms.note()
        except OutboxUnavailableError as error:
            _LOG.warning("%d mails were published but not noted as such: %s", len(ids), error)

    def _ask(self) -> bool:
        try:
            self._free = self._hold.read() is None
        except OutboxUnavailableError:
            self._free = False
            raise
        return self._free
