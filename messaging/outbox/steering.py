"""What people do to mails by hand: cancel them, or have them tried again."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, TextClause, Update, bindparam, case, func, select, update

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.due import SUSPECT_DEATHS
from messaging.outbox.errors import StateForbidsError
from messaging.outbox.filters import Filter
from messaging.outbox.records import Mail
from messaging.outbox.rows import MAIL_COLUMNS, mail_of
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

    def select(self, wanted: Filter, *columns: Any) -> Select[Any]:
        states = [state for state in self.states if wanted.state in (None, state)]
        query = select(*columns).select_from(mails).where(self.part, mails.c.state.in_(states), *wanted.conditions())
        query = query if wanted.before is None else query.where(mails.c.id < wanted.before)
        return query.with_hint(mails, f"INDEXED BY {self.index}", "sqlite")


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
        published=False,
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
    #: How many it can be done to still: more than are changed by one call, or come since.
    left: int


class Steering:
    """Does deeds; what a worker has claimed is left alone.

    Every method raises `OutboxUnavailableError` where the database is away; the mail of which that is said, or those
    that come after it, are as they were then.

    Args:
        database: where the mails are.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._clock = clock

    def do(self, deed: Deed, mail_id: str) -> Mail | None:
        """Do a deed to one mail; returns it as it is then, or None if there is none of this id.

        Raises:
            StateForbidsError: if its state does.
        """
        with transaction(self._database.accepting) as connection:
            changed = self._change(connection, deed, [mail_id])
            row = connection.execute(select(*MAIL_COLUMNS).where(mails.c.id == mail_id)).one_or_none()
        mail = mail_of(row) if row else None
        if mail and not changed:
            raise StateForbidsError(mail.state)
        return mail

    def count(self, deed: Deed, wanted: Filter) -> int:
        """Count the mails that a deed can be done to now."""
        with transaction(self._database.reading) as connection:
            count: int = connection.execute(deed.select(wanted, func.count())).scalar_one()
        return count

    def do_all(self, deed: Deed, wanted: Filter, told: Callable[[int], None] = lambda _changed: None) -> Steered:
        """Do a deed to many mails, a few in a transaction; each is changed as a whole, or not at all.

        Args:
            deed: what is done.
            wanted: to which of those that it can be done to.
            told: called after each transaction, with how many mails were changed so far; may break it off.
        """
        with transaction(self._database.reading) as connection:
            ids = connection.execute(deed.select(wanted, mails.c.id).limit(MOST_AT_ONCE)).scalars().all()
        changed = 0
        for first in range(0, len(ids), _BATCH):
            with transaction(self._database.accepting) as connection:
                changed += self._change(connection, deed, ids[first : first + _BATCH])
            told(changed)
            time.sleep(_PAUSE_S)
        return Steered(changed, self.count(deed, wanted))

    def _change(self, connection: Connection, deed: Deed, ids: Sequence[str]) -> int:
        values = {"ids": json.dumps(list(ids)), "now": self._clock()}
        return len(connection.execute(deed.change, values).all())
