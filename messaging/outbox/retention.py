"""Removes mails that have been finished for long enough."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import delete, select

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.ids import first_id
from messaging.outbox.schema import mails

#: Mails removed in one transaction: few enough that nobody waits for it.
_BATCH: Final = 200


class Retention:
    """How long finished mails are kept.

    Args:
        database: where the mails are.
        keep_s: how long, in seconds.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, keep_s: float, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._keep_ms = int(keep_s * 1000)
        self._clock = clock

    def prune(self) -> int:
        """Remove one batch; returns how many there were.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        before = self._clock() - self._keep_ms
        # What finished before then was accepted before then, and ids begin with the time: no other index is needed.
        old = select(mails.c.id).where(mails.c.id < first_id(before), mails.c.finished_at < before)
        with transaction(self._database.recording) as connection:
            ids = connection.execute(old.order_by(mails.c.id).limit(_BATCH)).scalars().all()
            if ids:
                connection.execute(delete(mails).where(mails.c.id.in_(ids)))
        return len(ids)
