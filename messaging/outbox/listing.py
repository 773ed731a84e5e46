"""Lists mails, the newest first, in pages that cost about the same whatever the outbox holds."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, TextClause, desc, func, select

from messaging.outbox.among import among
from messaging.outbox.database import Database, transaction
from messaging.outbox.filters import Filter
from messaging.outbox.ids import first_id, time_of
from messaging.outbox.records import Attempt, Mail
from messaging.outbox.rows import ATTEMPT_COLUMNS, MAIL_COLUMNS, attempt_of, mail_of
from messaging.outbox.schema import IS_ASIDE, IS_WAITING, attempts, mails
from messaging.outbox.states import ASIDE, State

#: Mails that are looked through at once, where no index says which of them are meant.
_WINDOW: Final = 20_000

#: How long is looked for the mails of one page, in seconds; what has been found by then is the page.
_LOOK_FOR_S: Final = 0.2

#: Up to this many queued mails are read and sorted; of more the newest are found by looking.
_SHORT_BACKLOG: Final = 5_000

_LAST = select(func.max(attempts.c.id)).where(among(attempts.c.mail_id, "ids")).group_by(attempts.c.mail_id)
_LAST_ATTEMPTS = select(attempts.c.mail_id, *ATTEMPT_COLUMNS).where(attempts.c.id.in_(_LAST))


@dataclass(frozen=True, slots=True)
class Page:
    """Some mails; a page may be short, or empty, and still not be the last."""

    mails: Sequence[Mail]
    #: The next page has those before this id; None if there are no more.
    before: str | None


@dataclass(frozen=True, slots=True)
class _Way:
    """How the mails of a filter are come by."""

    #: What an index finds, newest first or sorted quickly.
    found: Sequence[ColumnElement[bool] | TextClause]
    #: What each of those that were found has to be looked at for.
    looked_at: Sequence[ColumnElement[bool]]
    #: The index, where it is not that of the ids.
    index: str = ""

    def select(self, *columns: Any) -> Select[Any]:
        query = select(*columns).where(*self.found).order_by(desc(mails.c.id))
        # Without statistics the database would rather read everything in order than sort a few.
        return query.with_hint(mails, f"INDEXED BY {self.index}", "sqlite") if self.index else query


class Listing:
    """Reads pages of mails.

    Every method raises `OutboxUnavailableError` where the database is away.

    Args:
        database: where the mails are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, wanted: Filter, limit: int) -> Page:
        """Read the newest mails of a filter, `limit` at the most."""
        page: list[Mail] = []
        before = wanted.before
        give_up_at = time.monotonic() + _LOOK_FOR_S
        with transaction(self._database.reading) as connection:
            way = _way(connection, wanted)
            while True:
                floor = _floor(connection, way, before) if way.looked_at else None
                query = way.select(*MAIL_COLUMNS).where(*way.looked_at).limit(limit + 1 - len(page))
                query = query if before is None else query.where(mails.c.id < before)
                query = query if floor is None else query.where(mails.c.id >= floor)
                page += [mail_of(row) for row in connection.execute(query)]
                if len(page) > limit:
                    return Page(page[:limit], page[limit - 1].id)
                if floor is None or time.monotonic() > give_up_at:
                    return Page(page, floor)
                before = floor

    def last_attempts(self, of: Sequence[Mail]) -> dict[str, Attempt]:
        """What was tried last for each of some mails, by their ids."""
        ids = json.dumps([mail.id for mail in of])
        with transaction(self._database.reading) as connection:
            return {row.mail_id: attempt_of(row) for row in connection.execute(_LAST_ATTEMPTS, {"ids": ids})}


def _way(connection: Connection, wanted: Filter) -> _Way:
    conditions = list(wanted.conditions())
    if wanted.state is None:
        return _Way([], conditions)
    in_state = mails.c.state == wanted.state
    if wanted.state in ASIDE:
        return _Way([IS_ASIDE, in_state], conditions, "mails_aside")
    if wanted.state is State.SENDING or (wanted.state is State.QUEUED and _is_short(connection)):
        return _Way([IS_WAITING, in_state, *conditions], [], "mails_due")
    return _Way([], [in_state, *conditions])


def _is_short(connection: Connection) -> bool:
    """Whether few mails are queued."""
    queued = select(mails.c.due_at).where(IS_WAITING, mails.c.state == State.QUEUED).limit(_SHORT_BACKLOG + 1)
    some = queued.with_hint(mails, "INDEXED BY mails_due", "sqlite").subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one() <= _SHORT_BACKLOG


def _floor(connection: Connection, way: _Way, before: str | None) -> str | None:
    """Down to which id mails are looked at next; None if that is down to the oldest there is.

    It is no mail's, but the lowest of its time: an id itself is for those alone who may see the mail.
    """
    query = way.select(mails.c.id).limit(1).offset(_WINDOW - 1)
    query = query if before is None else query.where(mails.c.id < before)
    oldest: str | None = connection.execute(query).scalar_one_or_none()
    return oldest and first_id(time_of(oldest))
