"""The broker's queue as those see it who publish: ids go in, and each is answered for."""

from collections.abc import Callable, Sequence
from typing import Protocol

from config.errors import MessagingError

#: Told what became of ids: the broker has them, or why it has not, in words for a log. Is called by any thread, and
#: must neither wait nor fail.
Settled = Callable[[Sequence[str], str | None], None]


class QueueError(MessagingError):
    """Raised when the broker does not do what it should; its text is for a log, with no URL in it."""


class MailQueue(Protocol):
    """Publishes ids; while it is open, each id that is put in is settled exactly once."""

    def open(self, settled: Settled) -> None:
        """Begin to publish. Returns at once, whether there is a broker or not."""

    def put(self, mail_id: str) -> None:
        """Publish an id, in its order; neither waits nor fails."""

    def depth(self) -> int:
        """Count the ids that lie in the queue; those that workers hold are not among them.

        Raises:
            QueueError: if the broker does not say.
        """

    def close(self, timeout_s: float) -> None:
        """Publish what was put in and end, within `timeout_s`; what is left then is settled as not published."""
