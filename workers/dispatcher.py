"""The dispatcher: whatever is due is published to the broker."""

import logging
import queue
import threading
from collections.abc import Sequence
from typing import Final

from config.mail_queue import MailQueue, QueueError
from messaging.outbox.due import DueMails
from messaging.outbox.errors import OutboxError
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.retention import Retention

_LOG: Final = logging.getLogger(__name__)

#: How often it looks, in seconds.
PERIOD_S: Final = 1.0

#: Wait after a look that found more than it could take, in seconds: others want to write, too.
_PAUSE_S: Final = 0.01

#: Time for what is under way to the broker when it has to end, in seconds.
_CLOSE_S: Final = 1.0

#: Most mails of one look; a full batch is followed by the next at once.
BATCH: Final = 500

#: A mail that the broker has confirmed is published again only while fewer ids than this lie in the broker's queue: a
#: longer queue is taken as the reason why no worker has claimed it, and a backlog does not multiply itself.
REPUBLISH_BELOW: Final = 1_000


class Dispatcher:
    """Publishes what is due; any number of them may run at once.

    Args:
        due: knows what is due.
        hold: says whether the relay is held, and what may probe it.
        mail_queue: where ids go; nobody else's.
        retention: removes what has been finished for long enough; none keeps everything.
    """

    def __init__(self, due: DueMails, hold: RelayHold, mail_queue: MailQueue, retention: Retention | None) -> None:
        self._due = due
        self._hold = hold
        self._queue = mail_queue
        self._retention = retention
        self._settled: queue.SimpleQueue[tuple[Sequence[str], str | None]] = queue.SimpleQueue()
        #: What the last look ended in, as far as it was said.
        self._trouble: Exception | None = None

    def open(self) -> None:
        """Begin to publish, in the process and on the threads that are to do it; `run` does that itself."""
        self._queue.open(lambda ids, refused: self._settled.put((ids, refused)))

    def run(self, stop: threading.Event) -> None:
        """Dispatch until `stop` is set; survives the database and the broker going away."""
        self.open()
        try:
            while not stop.is_set():
                stop.wait(_PAUSE_S if self._look() else PERIOD_S)
        finally:
            self._queue.close(_CLOSE_S)

    def _look(self) -> bool:
        try:
            more = self.step()
            if not more and self._retention:
                more = self._retention.prune() > 0
            if isinstance(self._trouble, OutboxError):
                self._say(None)
            return more
        except Exception as error:
            # Whatever it is, it means: later. A dispatcher that ends is missed by nobody.
            self._say(error)
            return False

    def step(self) -> bool:
        """Publish one batch of what is due, or one probe while the relay is held; True if there is more.

        Raises:
            OutboxUnavailableError: if the database is away.
            QueueError: if the broker did not take all of it; what was taken and not published is due again soon.
        """
        if self._hold.read():
            self._tell(self._due.fail_poison())
            probe = self._hold.take_probe()
            if probe:
                self._publish([probe])
            return False
        due = self._due.take(BATCH)
        self._tell(due.poison)
        publish = due.publish
        if due.waiting:
            if self._queue.depth() < REPUBLISH_BELOW:
                publish = publish + due.waiting
            else:
                self._due.mark_published(due.waiting)
        self._publish(publish)
        return len(due) >= BATCH

    def _tell(self, poison: Sequence[str]) -> None:
        for mail_id in poison:
            _LOG.error("mail %s failed: worker after worker died with it", mail_id)

    def _publish(self, ids: Sequence[str]) -> None:
        for mail_id in ids:
            self._queue.put(mail_id)
        confirmed: list[str] = []
        reason = None
        missing = len(ids)
        while missing:
            settled, refused = self._settled.get()
            missing -= len(settled)
            if refused:
                reason = refused
            else:
                confirmed += settled
        if confirmed:
            self._due.mark_published(confirmed)
        if reason:
            raise QueueError(reason)
        if ids:
            self._say(None)

    def _say(self, error: Exception | None) -> None:
        if error is not None and self._trouble is None:
            _LOG.warning("cannot dispatch (%s: %s); trying every second", type(error).__name__, error)
        elif error is None and self._trouble is not None:
            _LOG.info("dispatching again")
        self._trouble = error
