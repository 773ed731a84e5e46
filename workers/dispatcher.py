"""The dispatcher: whatever is due is published to the broker."""

import logging
import threading
from collections.abc import Sequence
from typing import Final

from config.broker import QUEUE, MailBroker, message_for
from messaging.outbox.due import DueMails
from messaging.outbox.errors import OutboxError
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.retention import Retention

_LOG: Final = logging.getLogger(__name__)

#: How often it looks, in seconds.
PERIOD_S: Final = 1.0

#: Wait after a look that found more than it could take, in seconds: others want to write, too.
_PAUSE_S: Final = 0.01

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
        broker: where ids go.
        retention: removes what has been finished for long enough; none keeps everything.
    """

    def __init__(self, due: DueMails, hold: RelayHold, broker: MailBroker, retention: Retention | None) -> None:
        self._due = due
        self._hold = hold
        self._broker = broker
        self._retention = retention
        #: What the last look ended in, as far as it was said.
        self._trouble: Exception | None = None

    def run(self, stop: threading.Event) -> None:
        """Dispatch until `stop` is set; survives the database and the broker going away."""
        while not stop.is_set():
            try:
                more = self.step()
                if not more and self._retention:
                    more = self._retention.prune() > 0
                if isinstance(self._trouble, OutboxError):
                    self._say(None)
            except Exception as error:
                # pika lets errors of the resolver, the socket and its own through; all mean: later.
                more = False
                self._say(error)
            stop.wait(_PAUSE_S if more else PERIOD_S)

    def step(self) -> bool:
        """Publish one batch of what is due, or one probe while the relay is held; True if there is more.

        Raises:
            Exception: what the database or the broker says; what was taken and not published is due again soon.
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
            if self._broker.depth(QUEUE) < REPUBLISH_BELOW:
                publish = publish + due.waiting
            else:
                self._due.mark_published(due.waiting)
        self._publish(publish)
        return len(due) >= BATCH

    def _tell(self, poison: Sequence[str]) -> None:
        for mail_id in poison:
            _LOG.error("mail %s failed: worker after worker died with it", mail_id)

    def _publish(self, ids: Sequence[str]) -> None:
        published: list[str] = []
        try:
            for mail_id in ids:
                self._broker.enqueue(message_for(mail_id))
                published.append(mail_id)
            if ids:
                self._say(None)
        finally:
            if published:
                self._due.mark_published(published)

    def _say(self, error: Exception | None) -> None:
        if error is not None and self._trouble is None:
            _LOG.warning("cannot dispatch (%s: %s); trying every second", type(error).__name__, error)
        elif error is None and self._trouble is not None:
            _LOG.info("dispatching again")
        self._trouble = error
