"""What people do to mails by hand: cancel them, or have them tried again."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, TextClause, Update, bindparam, case, func, select, update

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.dead_workers import SUSPECT_DEATHS
from messaging.outbox.errors import OutboxUnavailableError, StateForbidsError
from messaging.outbox.filters import Filter
from messaging.outbox.history import History, read_history
from messaging.outbox.ids import first_id, time_of
from messaging.outbox.schema import IS_AMONG, IS_ASIDE, IS_WAITING, mails
from messaging.outbox.states import State

#: Mails that are changed in one transaction, and the wait after it, in seconds: others want to write, too.
_BATCH: Final = 200
_PAUSE_S: Final = 0.005

#: Mails that are changed by one call.
MOST_AT_ONCE: Final = 10_000


@dataclass(frozen=True)
class Deed:
    """Something that can be done to a mail, in some states."""

    #: What has been done to it then, in one word.
    done: str
    states: Sequence[State]
    #: Changes what is among `ids` and in one of the states at `now`, and so what no worker has claimed.
    change: Update
    #: The part of the table that mails of these states are in, and its index.
    part: TextClause
    index: str

    def select(self, wanted: Filter, after: str | None, *columns: Any) -> Select[Any]:
        states = [state for state in self.states if wanted.state in (None, state)]
        query = select(*columns).select_from(mails).where(self.part, mails.c.state.in_(states), *wanted.conditions())
        query = query if wanted.before is None else query.where(mails.c.id < wanted.before)
        query = query if after is None else query.where(mails.c.id > after)
        return query.with_hint(mails, f"INDEXED BY {self.index}", "sqlite")


_NEWEST: Final = select(func.max(mails.c.id))

_CANCELABLE: Final = (State.SCHEDULED, State.QUEUED, State.RETRYING)
_RETRYABLE: Final = (State.RETRYING, State.FAILED)

CANCEL: Final = Deed(
    "canceled",
    _CANCELABLE,
    update(mails)
    .where(IS_AMONG, mails.c.state.in_(_CANCELABLE))
    .values(state=State.CANCELED.value, due_at=None, finished_at=bindparam("now"))
    .returning(mails.c.id),
    IS_WAITING,
    "mails_due",
)

_FAILED = mails.c.state == State.FAILED
_SUSPECT = mails.c.deaths >= SUSPECT_DEATHS

#: One that failed starts its schedule anew. One that workers died of stays a suspect: a dispatcher has it tried alone.
RETRY: Final = Deed(
    "retried",
    _RETRYABLE,
    update(mails)
    .where(IS_AMONG, mails.c.state.in_(_RETRYABLE))
    .values(
        state=case((_SUSPECT, State.RETRYING.value), else_=State.QUEUED.value),
        due_at=bindparam("now"),
        finished_at=None,
        attempts=case((_FAILED, 0), else_=mails.c.attempts),
        deaths=case((_FAILED & _SUSPECT, SUSPECT_DEATHS), else_=mails.c.deaths),
    )
    .returning(mails.c.id),
    IS_ASIDE,
    "mails_aside",
)


@dataclass(frozen=True, slots=True)
class Steered:
    """What became of a deed that was meant for many mails."""

    changed: int
    #: How many of those after them it can be done to still; None if that is not known.
    left: int | None
    #: The newest mail that it was meant for so far; None if no mail is left.
    after: str | None
    #: Why it was broken off, in the database's words; empty if it was not.
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How many mails a deed can be done to."""

    mails: int
    #: An id after those of all mails that there were; None if there was none.
    before: str | None


class Steering:
    """Does deeds; what a worker has claimed is left alone.

    Every method raises `OutboxUnavailableError` where the database is away; every mail is as it was then.

    Args:
        database: where the mails are.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._clock = clock

    def do(self, deed: Deed, mail_id: str) -> History | None:
        """Do a deed to one mail; returns all about it as it is then, or None if there is none of this id.

        Raises:
            StateForbidsError: if its state does.
        """
        # Read in the same transaction: where it cannot be told what was done, it was not done.
        with transaction(self._database.accepting) as connection:
            changed = self._change(connection, deed, [mail_id])
            history = read_history(connection, mail_id)
        if history and not changed:
            raise StateForbidsError(history.mail.state)
        return history

    def count(self, deed: Deed, wanted: Filter, after: str | None = None) -> Count:
        """Count the mails that a deed can be done to now.

        Args:
            deed: what is to be done.
            wanted: which mails are meant.
            after: of those, only the ones newer than the mail with this id.
        """
        with transaction(self._database.reading) as connection:
            count: int = connection.execute(deed.select(wanted, after, func.count())).scalar_one()
            newest: str | None = connection.execute(_NEWEST).scalar_one()
        # To the millisecond: an id itself is for those alone who may see the mail.
        return Count(count, wanted.before or (newest and first_id(time_of(newest) + 1)))

    def do_all(
        self,
        deed: Deed,
        wanted: Filter,
        after: str | None = None,
        limit: int = MOST_AT_ONCE,
        told: Callable[[int], None] = lambda _changed: None,
    ) -> Steered:
        """Do a deed to many mails, a few in a transaction; each is changed as a whole, or not at all.

        The oldest come first: what is tried again, and fails at once, is not met again by who goes on after it. Where
        the database goes away when some are changed, it is told of those.

        Args:
            deed: what is to be done.
            wanted: which mails are meant.
            after: of those, only the ones newer than the mail with this id.
            limit: how many are changed at the most, up to `MOST_AT_ONCE`.
            told: called after each transaction, with how many mails were changed so far; may break it off.
        """
        query = deed.select(wanted, after, mails.c.id).order_by(mails.c.id).limit(min(limit, MOST_AT_ONCE))
        with transaction(self._database.reading) as connection:
            ids = connection.execute(query).scalars().all()
        changed, last = 0, after
        try:
            for some in (ids[first : first + _BATCH] for first in range(0, len(ids), _BATCH)):
                with transaction(self._database.accepting) as connection:
                    now = self._change(connection, deed, some)
                changed, last = changed + now, some[-1]
                told(changed)
                time.sleep(_PAUSE_S)
            left = self.count(deed, wanted, last).mails
        except OutboxUnavailableError as error:
            if not changed:
                raise
            return Steered(changed, None, last, str(error))
        return Steered(changed, left, last if left else None)

    def _change(self, connection: Connection, deed: Deed, ids: Sequence[str]) -> int:
        values = {"ids": json.dumps(list(ids)), "now": self._clock()}
        return len(connection.execute(deed.change, values).all())
