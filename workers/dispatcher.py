"""The dispatcher: whatever is due is published to the broker."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Sequence
from typing import Final

from config.mail_queue import MailQueue, QueueError
from messaging.outbox.clock import clock_ms
from messaging.outbox.confirms import Confirms
from messaging.outbox.due import DueMails
from messaging.outbox.errors import OutboxError, OutboxUnavailableError
from messaging.outbox.heartbeats import Heartbeats, Role
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.retention import Retention

_LOG: Final = logging.getLogger(__name__)

#: How often it looks, in seconds.
PERIOD_S: Final = 1.0

#: How often it says that it lives, in seconds; one that was not seen for 40 s counts as gone.
_BEAT_EVERY_S: Final = 10.0

#: Wait after a look that found more than it could take, in seconds: others want to write, too.
_PAUSE_S: Final = 0.01

#: Time for what is under way to the broker when it has to end, in seconds.
_CLOSE_S: Final = 1.0

#: Most mails of one look; a full batch is followed by the next at once.
BATCH: Final = 500

#: A mail that the broker has confirmed is published again only while fewer ids than this lie in the broker's queue, or
#: so many fewer than it has confirmed of those that wait: else the long queue is taken as the reason why no worker has
#: claimed it, and a backlog does not multiply itself.
REPUBLISH_BELOW: Final = 1_000


class Dispatcher:
    """Publishes what is due; any number of them may run at once.

    Args:
        due: knows what is due.
        hold: says whether the relay is held, and what may probe it.
        mail_queue: where ids go; nobody else's.
        retention: removes what is no longer needed.
        heartbeats: where it says that it lives.
        confirms: where it is noted when the broker confirmed an id.
    """

    def __init__(
        self,
        due: DueMails,
        hold: RelayHold,
        mail_queue: MailQueue,
        retention: Retention,
        heartbeats: Heartbeats,
        confirms: Confirms,
    ) -> None:
        self._due = due
        self._hold = hold
        self._queue = mail_queue
        self._retention = retention
        self._heartbeats = heartbeats
        self._confirms = confirms
        self._started_at = clock_ms()
        self._beat_at = float("-inf")
        self._stop = threading.Event()
        self._settled: queue.SimpleQueue[tuple[Sequence[str], str | None]] = queue.SimpleQueue()
        #: What the last look ended in, as far as it was said.
        self._trouble: Exception | None = None

    def open(self) -> None:
        """Begin to publish, in the process and on the threads that are to do it; `run` does that itself."""
        self._queue.open(self._settle)

    def run(self, stop: threading.Event) -> None:
        """Dispatch until `stop` is set; survives the database and the broker going away."""
        self._stop = stop
        self.open()
        try:
            while not stop.is_set():
                stop.wait(_PAUSE_S if self._look() else PERIOD_S)
        finally:
            self._queue.close(_CLOSE_S)
            self._end()

    def _look(self) -> bool:
        try:
            self._beat()
            more = self.step()
            if not more:
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
            self._tell(self._due.reclaim())
            probe = self._hold.take_probe()
            if probe:
                self._publish([probe])
            return False
        due = self._due.take(BATCH)
        self._tell(due.poison)
        publish = due.publish
        if due.waiting:
            if self._lacks_ids():
                publish = publish + due.waiting
            else:
                self._due.mark_published(due.waiting)
        self._publish(publish)
        return len(due) >= BATCH

    def _lacks_ids(self) -> bool:
        """Whether the broker has lost ids, as far as their number tells."""
        depth = self._queue.depth()
        return depth < REPUBLISH_BELOW or depth + REPUBLISH_BELOW <= self._due.count_published()

    def _tell(self, poison: Sequence[str]) -> None:
        for mail_id in poison:
            _LOG.error("mail %s failed: worker after worker died with it", mail_id)

    def _settle(self, ids: Sequence[str], refused: str | None) -> None:
        if not refused:
            self._confirms.came(ids)
        self._settled.put((ids, refused))

    def _publish(self, ids: Sequence[str]) -> None:
        for mail_id in ids:
            _LOG.debug("mail %s is due, and published", mail_id)
            self._queue.put(mail_id)
        confirmed: list[str] = []
        reason = None
        # Nothing but the end may break this off: what is settled later would be taken for the next batch's.
        missing = set(ids)
        while missing:
            try:
                settled, refused = self._settled.get(timeout=PERIOD_S)
            except queue.Empty:
                if self._stop.is_set():
                    reason = "the dispatcher ends, and the broker has not answered"
                    break
                # A broker that is frozen keeps it waiting, and whoever sees no dispatcher would become another.
                with contextlib.suppress(OutboxUnavailableError):
                    self._beat()
                continue
            missing.difference_update(settled)
            if refused:
                reason = refused
            else:
                confirmed += settled
        if confirmed:
            self._due.mark_published(confirmed)
            self._confirms.note()
        if reason:
            raise QueueError(reason)
        if ids:
            self._say(None)

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beat_at >= _BEAT_EVERY_S:
            self._heartbeats.beat(self._started_at, 0, Role.DISPATCHER)
            self._beat_at = now

    def _end(self) -> None:
        try:
            self._heartbeats.end(self._started_at, Role.DISPATCHER)
        except OutboxUnavailableError as error:
            _LOG.warning("this dispatcher's end is not written down: %s", error)

    def _say(self, error: Exception | None) -> None:
        if error is not None and self._trouble is None:
            _LOG.warning("cannot dispatch (%s: %s); trying every second", type(error).__name__, error)
        elif error is None and self._trouble is not None:
            _LOG.info("dispatching again")
        self._trouble = error
