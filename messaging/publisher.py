"""Tells the broker of freshly accepted mails, off the request's thread."""

import logging
import queue
import threading
from typing import Final, Protocol

from config.broker import MailBroker, message_for
from messaging.outbox.due import DueMails
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.relay_hold import RelayHold

_LOG: Final = logging.getLogger(__name__)

#: Most ids that wait to be published; the others stay due in the outbox, where a dispatcher finds them.
MOST_WAITING: Final = 20_000

#: Most ids whose confirms are noted in one transaction.
_BATCH: Final = 200


class Publisher(Protocol):
    """Takes ids of mails that were just stored; must not wait and must not fail."""

    def publish(self, mail_id: str) -> None: ...


class BrokerPublisher:
    """Publishes from a thread of its own and notes in the outbox what the broker confirmed.

    What it cannot publish is not lost: it stays due. While the relay is held it publishes nothing.

    Args:
        broker: where ids go.
        due: where it is noted that they went.
        hold: says whether the relay is held.
    """

    def __init__(self, broker: MailBroker, due: DueMails, hold: RelayHold) -> None:
        self._broker = broker
        self._due = due
        self._hold = hold
        self._waiting: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._down = False

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Publish what waits and end, within `timeout_s`."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(timeout_s)

    def publish(self, mail_id: str) -> None:
        try:
            self._waiting.put_nowait(mail_id)
        except queue.Full:
            _LOG.debug("%s: not published now, it stays due", mail_id)

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            ending = False
            while len(batch) < _BATCH and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    ending = True
                    break
                batch.append(following)
            self._publish(batch)
            if ending:
                return

    def _publish(self, batch: list[str]) -> None:
        published: list[str] = []
        try:
            if self._hold.read():
                return
            for mail_id in batch:
                self._broker.enqueue(message_for(mail_id))
                published.append(mail_id)
            self._say(down=False, reason="")
        except OutboxUnavailableError as error:
            _LOG.warning("%d mails are not published now, they stay due: %s", len(batch), error)
        except Exception as error:
            # pika lets errors of the resolver, the socket and its own through; all mean the same to us.
            self._say(down=True, reason=type(error).__name__)
        try:
            if published:
                self._due.mark_published(published)
        except OutboxUnavailableError as error:
            _LOG.warning("%d mails were published but not noted as such: %s", len(published), error)

    def _say(self, *, down: bool, reason: str) -> None:
        if down and not self._down:
            _LOG.warning("the broker cannot be reached (%s); mails are accepted and stay due in the outbox", reason)
        elif self._down and not down:
            _LOG.info("the broker can be reached again")
        self._down = down
