"""Counts uses against rates, exactly: never more than so many in any period, wherever it begins."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, select

from config.values import Rate
from messaging.outbox.among import among
from messaging.outbox.errors import LimitReachedError
from messaging.outbox.schema import uses

#: Times that are kept for one subject. Up to this rate they are exact; above it uses share the end of a step, and are
#: counted longer than they would have to be by one step at the most.
MOST_TIMES: Final = 256

_READ = select(uses.c.subject, uses.c.times).where(among(uses.c.subject, "subjects"))


@dataclass(frozen=True, slots=True)
class Use:
    """One use of something that may be used so often."""

    #: Names what is used, as a digest.
    subject: int
    rate: Rate
    #: What the rate limits, in words that it follows, for who has reached it.
    about: str


class Window:
    """The uses of one subject in the period that ends now; a use counts until its time is a whole period ago.

    Args:
        rate: how many may be in it.
        now: in milliseconds since 1970, as all times here.
        times: times and counts in turns, the earliest first, as `times` gave them out before.
    """

    def __init__(self, rate: Rate, now: int, times: Sequence[int] = ()) -> None:
        self._rate = rate
        self._now = now
        self._period = period = int(rate.period_s * 1000)
        # What lies further ahead than a period was written by a clock that was wrong, and would count for years.
        self._uses = [
            (at, n) for at, n in zip(times[::2], times[1::2], strict=True) if now - period < at <= now + period
        ]

    @property
    def times(self) -> list[int]:
        return [number for use in self._uses for number in use]

    @property
    def ends_at(self) -> int:
        """When none of the uses counts any longer."""
        return self._uses[-1][0] + self._period

    def free_at(self) -> int:
        """When there is room for one more: now, or later."""
        excess = sum(count for _, count in self._uses) - self._rate.at_most
        free_at = self._now
        for at, count in self._uses:
            if excess < 0:
                break
            excess -= count
            free_at = at + self._period
        return free_at

    def add(self) -> None:
        """Count one more."""
        step = 1 if self._rate.at_most <= MOST_TIMES else max(1, self._period // MOST_TIMES)
        at, count = self._now - self._now % step + step - 1, 0
        if self._uses and self._uses[-1][0] >= at:
            at, count = self._uses.pop()
        self._uses.append((at, count + 1))


class Counts:
    """What a transaction knows and changes of the uses.

    Args:
        connection: in the transaction.
        wanted: all uses that will be asked for.
        now: the transaction's time, in milliseconds since 1970, UTC.
    """

    def __init__(self, connection: Connection, wanted: Iterable[Use], now: int) -> None:
        self._connection = connection
        self._now = now
        rates = {use.subject: use.rate for use in wanted}
        self._windows = {subject: Window(rate, now) for subject, rate in rates.items()}
        for subject, times in connection.execute(_READ, {"subjects": json.dumps(list(rates))}):
            self._windows[subject] = Window(rates[subject], now, [int(number) for number in times.split(",")])
        self._changed: set[int] = set()

    def take(self, wanted: Sequence[Use]) -> LimitReachedError | None:
        """Count a use of each or, if one of them has no room, of none; the error says when there is room for all."""
        free_at, last = max((self._windows[use.subject].free_at(), number) for number, use in enumerate(wanted))
        if free_at > self._now:
            return LimitReachedError(f"{wanted[last].about} {wanted[last].rate}", free_at - self._now)
        for use in wanted:
            self._windows[use.subject].add()
            self._changed.add(use.subject)
        return None

    def write(self) -> None:
        values: list[object] = []
        for subject in self._changed:
            window = self._windows[subject]
            values += (subject, ",".join(map(str, window.times)), window.ends_at)
        if values:
            self._connection.exec_driver_sql(_write(len(self._changed)), tuple(values))


@lru_cache(maxsize=1024)
def _write(rows: int) -> str:
    # A statement for each would let go of the interpreter's lock, and wait for it, as often.
    return (
        f"INSERT INTO uses (subject, times, ends_at) VALUES {', '.join(['(?, ?, ?)'] * rows)}"  # noqa: S608
        " ON CONFLICT (subject) DO UPDATE SET times = excluded.times, ends_at = excluded.ends_at"
    )
