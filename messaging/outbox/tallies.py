"""How many mails were sent and failed over time, and which one has waited longest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Integer, func, literal_column, select

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.schema import IS_WAITING, mails, tallies
from messaging.outbox.states import State

#: Mails are counted by the minute; in milliseconds, as all times here.
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS

#: States of which is told when mails came into them.
TOLD: Final = (State.SENT, State.FAILED)

#: The number of a mail's row: it grows as ids do, and is in every index.
_ROW: Final = literal_column("mails.rowid", Integer)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The mail that has waited longest of those that should be sent by now."""

    id: str
    state: State
    created_at: int


@dataclass(frozen=True, slots=True)
class Series:
    """How many mails came into some states, in one step of time after the other."""

    #: When the first step began.
    since: int
    step_ms: int
    counts: Mapping[State, Sequence[int]]


class Tallies:
    """Reads what was counted.

    Every method raises `OutboxUnavailableError` where the database is away.

    Args:
        database: where the counts are.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._clock = clock

    def oldest_waiting(self) -> Waiting | None:
        due = select(func.min(_ROW)).select_from(mails).where(IS_WAITING, mails.c.state != State.SCHEDULED)
        first = due.with_hint(mails, "INDEXED BY mails_due", "sqlite").scalar_subquery()
        oldest = select(mails.c.id, mails.c.state, mails.c.created_at).where(first == _ROW)
        with transaction(self._database.reading) as connection:
            row = connection.execute(oldest).one_or_none()
        return Waiting(row.id, State(row.state), row.created_at) if row else None

    def series(self, step_ms: int, steps: int) -> Series:
        """How many mails were sent and failed in each of so many steps, the last of which is under way."""
        now = self._clock()
        since = now - now % step_ms - (steps - 1) * step_ms
        step = ((tallies.c.at - since) // step_ms).label("step")
        query = (
            select(step, tallies.c.state, func.sum(tallies.c.mails))
            .where(tallies.c.at.between(since, now))
            .group_by(step, tallies.c.state)
        )
        counts = {state: [0] * steps for state in TOLD}
        with transaction(self._database.reading) as connection:
            for number, state, count in connection.execute(query):
                if state in counts:
                    counts[State(state)][number] = count
        return Series(since, step_ms, counts)
