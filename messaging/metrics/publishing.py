"""How long mails take until they are stored, and until the broker has their ids."""

from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from config.mail_queue import MailQueue, Settled
from messaging.outbox.clock import clock_ms
from messaging.outbox.ids import time_of
from messaging.publisher import Publisher

_BOUNDS_S: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

#: A mail is put in long before this, in milliseconds; one that is older was retried by hand, and its age says nothing
#: of how long anything takes.
_FRESH_MS: Final = 30_000


class MeasuredPublisher:
    """Is told of each mail as soon as it is stored, and notes how long that took.

    Args:
        publisher: publishes them.
        registry: where the figures are asked for.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, publisher: Publisher, registry: CollectorRegistry, clock: Callable[[], int] = clock_ms) -> None:
        self._publisher = publisher
        self._clock = clock
        self._seconds = Histogram(
            "messaging_intake_seconds",
            "From a mail's request to its being on the disk",
            buckets=_BOUNDS_S,
            registry=registry,
        )

    def publish(self, mail_id: str) -> None:
        self._publisher.publish(mail_id)
        self._seconds.observe(max(0, self._clock() - time_of(mail_id)) / 1000)


class MeasuredQueue:
    """Passes ids on to the broker, and notes what becomes of them.

    Args:
        queue: where ids go.
        registry: where the figures are asked for.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, queue: MailQueue, registry: CollectorRegistry, clock: Callable[[], int] = clock_ms) -> None:
        self._queue = queue
        self._clock = clock
        self._seconds = Histogram(
            "messaging_publish_seconds",
            "From a mail's request to the broker's confirm, the longest of those that are confirmed together",
            buckets=_BOUNDS_S,
            registry=registry,
        )
        #: What was put in and is not settled, and was no fresh mail.
        self._old: set[str] = set()
        self._published = Counter("messaging_published", "Ids that the broker confirmed", registry=registry)
        self._refused = Counter(
            "messaging_publish_refused", "Ids that the broker did not take; their mails stay due", registry=registry
        )

    def open(self, settled: Settled) -> None:
        def measured(ids: Sequence[str], refused: str | None) -> None:
            self._note(ids, refused)
            settled(ids, refused)

        self._queue.open(measured)

    def put(self, mail_id: str) -> None:
        if self._clock() - time_of(mail_id) > _FRESH_MS:
            self._old.add(mail_id)
        self._queue.put(mail_id)

    def depth(self) -> int:
        return self._queue.depth()

    def close(self, timeout_s: float) -> None:
        self._queue.close(timeout_s)

    def _note(self, ids: Sequence[str], refused: str | None) -> None:
        first = ids[0]
        if self._old:
            first = next((each for each in ids if each not in self._old), "")
            self._old.difference_update(ids)
        if refused:
            self._refused.inc(len(ids))
            return
        self._published.inc(len(ids))
        if first:
            self._seconds.observe(max(0, self._clock() - time_of(first)) / 1000)
