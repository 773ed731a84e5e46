"""What attempts take, and how long mails wait until they are sent: read from what all workers wrote down."""

import threading
from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily
from sqlalchemy import Connection, bindparam, func, select

from messaging.metrics.histogram import Histogram
from messaging.outbox.database import Database, transaction
from messaging.outbox.records import Outcome
from messaging.outbox.schema import attempts, mails

#: Upper bounds, in milliseconds: of a conversation with the relay, and of all the time from the 202 to the 250.
_ATTEMPT_MS: Final = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 600_000)
_DELIVERY_MS: Final = (10, 50, 100, 250, 500, 1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 86_400_000)

#: Most attempts that one look reads, some 50 ms of work; the others wait for the next.
_MOST: Final = 50_000

_NEWEST = select(func.coalesce(func.max(attempts.c.id), 0))

_NEW = attempts.c.id.between(bindparam("first"), bindparam("last"))


class Attempts:
    """Counts what was tried since its first look.

    The counting needs no table, and so costs workers nothing: a counter that begins at 0 with its process is what
    Prometheus expects.

    Args:
        database: where attempts are written down.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        #: The newest attempt that was counted; none before the first look.
        self._counted: int | None = None
        self._looking = threading.Lock()
        self._attempts = {outcome: Histogram(_ATTEMPT_MS) for outcome in Outcome}
        self._deliveries = Histogram(_DELIVERY_MS)
        took = attempts.c.connect_ms + attempts.c.transfer_ms
        bucket = self._attempts[Outcome.SENT].bucket_of(took)
        self._took = (
            select(attempts.c.outcome, bucket, func.count(), func.sum(took))
            .where(_NEW)
            .group_by(attempts.c.outcome, bucket)
        )
        waited = func.max(0, attempts.c.started_at + took - mails.c.created_at)
        bucket = self._deliveries.bucket_of(waited)
        self._waited = (
            select(bucket, func.count(), func.sum(waited))
            .join_from(attempts, mails)
            .where(_NEW, attempts.c.outcome == Outcome.SENT)
            .group_by(bucket)
        )

    def read(self) -> Iterator[Metric]:
        """Look, and tell all that was counted.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        took = HistogramMetricFamily(
            "messaging_attempt_seconds",
            "What attempts took, from connecting to the relay's last answer, since this process began",
            labels=["outcome"],
        )
        waited = HistogramMetricFamily(
            "messaging_delivery_seconds", "From the 202 to the relay's 250, of mails sent since this process began"
        )
        with self._looking:
            with transaction(self._database.reading) as connection:
                self._look(connection)
            for outcome, histogram in self._attempts.items():
                took.add_metric([outcome.value], histogram.buckets(), histogram.sum_s)
            waited.add_metric([], self._deliveries.buckets(), self._deliveries.sum_s)
        return iter((took, waited))

    def _look(self, connection: Connection) -> None:
        newest = connection.execute(_NEWEST).scalar_one()
        if self._counted is None:
            self._counted = newest
        last = min(newest, self._counted + _MOST)
        if last <= self._counted:  # the newest may have been removed
            return
        new = {"first": self._counted + 1, "last": last}
        for outcome, bucket, count, sum_ms in connection.execute(self._took, new).all():
            self._attempts[Outcome(outcome)].add(bucket, count, sum_ms)
        for bucket, count, sum_ms in connection.execute(self._waited, new).all():
            self._deliveries.add(bucket, count, sum_ms)
        self._counted = last
