"""What is due: taken by dispatchers, published, and looked at again."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Update, bindparam, insert, select, text, update

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.outbox import PUBLISH_WITHIN_MS
from messaging.outbox.records import Outcome
from messaging.outbox.schema import IS_AMONG, attempts, mails
from messaging.outbox.states import State

#: How long a mail may lie in the broker's queue before it is asked whether it still is there, in milliseconds.
PUBLISHED_FOR_MS: Final = 15_000

#: A mail whose workers died this often is tried while no other such mail is: of those that died together one is to
#: blame, and alone it cannot take the others with it to their last death.
SUSPECT_DEATHS: Final = 2

#: Wait of a suspect for the one that is being tried, in milliseconds.
_SUSPECT_WAITS_MS: Final = 1_000

_DUE = (
    select(mails.c.id, mails.c.state, mails.c.published_at, mails.c.deaths)
    .where(mails.c.due_at <= bindparam("now"))
    .order_by(mails.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)

# Spelled as in the index, so that it is seen to fit.
_DIED = text("deaths > 0 AND due_at IS NOT NULL")

_SUSPECT_IN_PLAY = (
    select(mails.c.id)
    .where(_DIED, mails.c.deaths >= SUSPECT_DEATHS, mails.c.state.in_((State.QUEUED, State.SENDING)), ~IS_AMONG)
    .limit(1)
)

# Without the time that they are due: it would be found by the index of that, among all that is due.
_ONCE_MORE = (
    select(mails.c.id, mails.c.attempts, mails.c.due_at)
    .where(_DIED, mails.c.deaths >= bindparam("deaths"), mails.c.state == State.SENDING)
    .with_for_update(skip_locked=True)
)

_QUEUE = update(mails).where(IS_AMONG).values(state=State.QUEUED.value, due_at=bindparam("until"), published_at=None)
_POSTPONE = update(mails).where(IS_AMONG).values(due_at=bindparam("until"))
_COUNT_DEATH = update(mails).where(IS_AMONG).values(deaths=mails.c.deaths + 1)
_SUSPECT = update(mails).where(IS_AMONG).values(state=State.RETRYING.value, due_at=bindparam("until"))
_POISON = (
    update(mails)
    .where(IS_AMONG)
    .values(state=State.FAILED.value, due_at=None, finished_at=bindparam("now"), deaths=mails.c.deaths + 1)
)
_PUBLISHED = (
    update(mails)
    .where(IS_AMONG, mails.c.state == State.QUEUED)
    .values(due_at=bindparam("until"), published_at=bindparam("now"))
)


@dataclass
class Due:
    """Ids of mails that were due, by what is to be done with them."""

    #: Must be published.
    publish: list[str] = field(default_factory=list)
    #: The broker confirmed them once, and no worker has claimed them since: they may still lie in its queue.
    waiting: list[str] = field(default_factory=list)
    #: Failed for good now: worker after worker died with them.
    poison: list[str] = field(default_factory=list)
    #: Their turn has not come.
    suspects: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.publish) + len(self.waiting) + len(self.poison) + len(self.suspects)


class DueMails:
    """The dispatchers' side of the outbox; any number may use it at once.

    Every method raises `OutboxUnavailableError` where the database is away; nothing was written then.

    Args:
        database: where the mails are.
        poison_limit: a mail that was claimed when its worker died so many times fails.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, poison_limit: int, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._poison_limit = poison_limit
        self._clock = clock

    def take(self, most: int) -> Due:
        """Take mails that are due, the longest due first; who takes them has `PUBLISH_WITHIN_MS` to publish them.

        Args:
            most: how many to take at the most, besides the poison.
        """
        now = self._clock()
        with transaction(self._database.recording) as connection:
            poison = self._fail_poison(connection, now)
            rows = connection.execute(_DUE, {"now": now, "most": most}).all()
            due = _sort(connection, rows)
            soon = now + PUBLISH_WITHIN_MS
            _update(connection, _COUNT_DEATH, [row.id for row in rows if row.state == State.SENDING])
            _update(connection, _POSTPONE, due.waiting, until=soon)
            _update(connection, _QUEUE, due.publish, until=soon)
            _update(connection, _SUSPECT, due.suspects, until=now + _SUSPECT_WAITS_MS)
        due.poison = poison
        return due

    def fail_poison(self) -> list[str]:
        """Fail the mails that worker after worker died with: what is left of `take` while the relay is held."""
        with transaction(self._database.recording) as connection:
            return self._fail_poison(connection, self._clock())

    def mark_published(self, ids: Sequence[str]) -> None:
        """Note that the broker has these ids: nobody needs to publish them for a while."""
        now = self._clock()
        with transaction(self._database.recording) as connection:
            _update(connection, _PUBLISHED, ids, until=now + PUBLISHED_FOR_MS, now=now)

    def forget_published(self) -> None:
        """Make all that waits for a worker due now: for a broker that is known to have lost what it had."""
        with transaction(self._database.recording) as connection:
            connection.execute(
                update(mails)
                .where(mails.c.due_at.is_not(None), mails.c.state == State.QUEUED)
                .values(due_at=self._clock(), published_at=None)
            )

    def _fail_poison(self, connection: Connection, now: int) -> list[str]:
        """Fail what was claimed when its worker died, and has died as often as it may with that."""
        rows = connection.execute(_ONCE_MORE, {"deaths": self._poison_limit - 1})
        poison = [row for row in rows if row.due_at <= now]
        ids = [row.id for row in poison]
        _update(connection, _POISON, ids, now=now)
        reply = f"given up: {self._poison_limit} workers died while they were sending this mail"
        tried = [
            {
                "mail_id": row.id,
                "number": row.attempts,
                "started_at": now,
                "connect_ms": 0,
                "transfer_ms": 0,
                "outcome": Outcome.OURS.value,
                "code": None,
                "reply": reply,
            }
            for row in poison
        ]
        if tried:
            connection.execute(insert(attempts), tried)
        return ids


def _sort(connection: Connection, rows: Sequence[Any]) -> Due:
    due = Due()
    suspects = []
    for row in rows:
        if row.deaths + (row.state == State.SENDING) >= SUSPECT_DEATHS:
            suspects.append(row)
        else:
            _publish(due, row)
    # Those that are due do not stand in each other's way: all but one of them are put off now.
    others = json.dumps([row.id for row in suspects])
    if suspects and connection.execute(_SUSPECT_IN_PLAY, {"ids": others}).first() is None:
        # Whose turn it is keeps it. Several are `queued` where the relay was held and they were its probes.
        chosen = next((row for row in suspects if row.state == State.QUEUED), suspects[0])
        suspects.remove(chosen)
        _publish(due, chosen)
    due.suspects = [row.id for row in suspects]
    return due


def _publish(due: Due, row: Any) -> None:
    may_be_there = row.state == State.QUEUED and row.published_at is not None
    (due.waiting if may_be_there else due.publish).append(row.id)


def _update(connection: Connection, statement: Update, ids: Sequence[str], **values: int) -> None:
    if ids:
        connection.execute(statement, {"ids": json.dumps(ids), **values})
