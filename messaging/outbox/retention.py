"""Removes what is no longer needed: mails that have been finished for long enough, and what answered for a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, Connection, delete, func, select

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.ids import first_id
from messaging.outbox.numbering import note_highest
from messaging.outbox.schema import mails, repeats, tallies, uses

#: Rows of one kind that are removed in one transaction: few enough that nobody waits for it.
_BATCH: Final = 200

#: How long it is known what was finished in each minute: 8 days.
_TALLIED_MS: Final = 8 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Removed:
    """What went with one batch."""

    mails: int
    #: Of all kinds, the mails among them; none if there is nothing left to do.
    rows: int


class Retention:
    """How long finished mails are kept; requests and uses are kept for as long as they count.

    Args:
        database: where all of it is.
        keep_s: how long, in seconds; None for ever.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, keep_s: float | None, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._keep_ms = None if keep_s is None else int(keep_s * 1000)
        self._clock = clock

    def prune(self) -> int:
        """Remove one batch; returns 0 if there is nothing left to do.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        return self.remove().rows

    def remove(self) -> Removed:
        """Remove one batch, and tell what went.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        now = self._clock()
        with transaction(self._database.recording) as connection:
            ended = _remove_ended(connection, repeats.c.token, repeats.c.ends_at, now)
            ended += _remove_ended(connection, uses.c.subject, uses.c.ends_at, now)
            removed = 0 if self._keep_ms is None else _remove_mails(connection, now - self._keep_ms)
            connection.execute(delete(tallies).where(tallies.c.at < now - _TALLIED_MS))
        return Removed(removed, ended + removed)

    def count(self) -> int:
        """Count the mails that have been kept for long enough.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        if self._keep_ms is None:
            return 0
        before = self._clock() - self._keep_ms
        old = select(func.count()).where(mails.c.id < first_id(before), mails.c.finished_at < before)
        with transaction(self._database.reading) as connection:
            count: int = connection.execute(old).scalar_one()
        return count


def _remove_ended(connection: Connection, name: Column[str], ends_at: Column[int], now: int) -> int:
    ended = select(name).where(ends_at <= now).order_by(ends_at).limit(_BATCH)
    return connection.execute(delete(name.table).where(name.in_(ended))).rowcount


def _remove_mails(connection: Connection, before: int) -> int:
    # What finished before then was accepted before then, and ids begin with the time: no other index is needed.
    old = select(mails.c.id).where(mails.c.id < first_id(before), mails.c.finished_at < before)
    ids = connection.execute(old.order_by(mails.c.id).limit(_BATCH)).scalars().all()
    if ids:
        note_highest(connection)
        connection.execute(delete(mails).where(mails.c.id.in_(ids)))
    return len(ids)
