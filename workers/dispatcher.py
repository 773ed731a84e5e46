"""The dispatcher: whatever is due is published to the broker."""

import logging
import threading
from typing import Final

from config.broker import MailBroker, message_for
from messaging.outbox.errors import OutboxError
from messaging.outbox.outbox import Outbox

_LOG: Final = logging.getLogger(__name__)

#: How often it looks, in seconds.
PERIOD_S: Final = 1.0

#: Most mails of one look; a full batch is followed by the next at once.
BATCH: Final = 500

#: A mail that the broker has confirmed is published again only while fewer ids than this lie in the broker's queue: a
#: longer queue is taken as the reason why no worker has claimed it, and a backlog does not multiply itself.
REPUBLISH_BELOW: Final = 1_000


class Dispatcher:
    """Publishes what is due; any number of them may run at once.

    Args:
        outbox: knows what is due.
        broker: where ids go.
    """

    def __init__(self, outbox: Outbox, broker: MailBroker) -> None:
        self._outbox = outbox
        self._broker = broker
        #: What the last look ended in, as far as it was said.
        self._trouble: Exception | None = None

    def run(self, stop: threading.Event) -> None:
        """Dispatch until `stop` is set; survives the database and the broker going away."""
        while not stop.is_set():
            try:
                due = self.step()
                full = due >= BATCH
                # With nothing due the broker was not asked.
                if due or isinstance(self._trouble, OutboxError):
                    self._say(None)
            except Exception as error:
                # pika lets errors of the resolver, the socket and its own through; all mean: later.
                full = False
                self._say(error)
            if not full:
                stop.wait(PERIOD_S)

    def step(self) -> int:
        """Take one batch of what is due and publish it; returns how many were due.

        Raises:
            Exception: what the database or the broker says; what was taken and not published is due again soon.
        """
        publish, waiting = self._outbox.take_due(BATCH)
        due = len(publish) + len(waiting)
        if waiting and self._broker.depth() >= REPUBLISH_BELOW:
            self._outbox.mark_published(waiting)
        else:
            publish += waiting
        published: list[str] = []
        try:
            for mail_id in publish:
                self._broker.enqueue(message_for(mail_id))
                published.append(mail_id)
        finally:
            if published:
                self._outbox.mark_published(published)
        return due

    def _say(self, error: Exception | None) -> None:
        if error is not None and self._trouble is None:
            _LOG.warning("cannot dispatch (%s: %s); trying every second", type(error).__name__, error)
        elif error is None and self._trouble is not None:
            _LOG.info("dispatching again")
        self._trouble = error
