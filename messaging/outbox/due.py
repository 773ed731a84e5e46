"""What is due: taken by dispatchers, published, and looked at again."""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, bindparam, exists, func, select, text, update

from messaging.outbox.among import update_among
from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.dead_workers import LONGEST_LEASE_S, POSTPONE, SUSPECT_DEATHS, DeadWorkers
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import PUBLISH_WITHIN_MS
from messaging.outbox.schema import IS_AMONG, hold, mails
from messaging.outbox.states import State

#: How long a mail may lie in the broker's queue before it is asked whether it still is there, in milliseconds.
PUBLISHED_FOR_MS: Final = 15_000

#: Wait of a suspect for the one that is being tried, in milliseconds.
_SUSPECT_WAITS_MS: Final = 1_000

_DUE = (
    select(mails.c.id, mails.c.state, mails.c.published, mails.c.deaths)
    .where(mails.c.due_at <= bindparam("now"), mails.c.state != State.SENDING)
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

_QUEUE = update(mails).where(IS_AMONG).values(state=State.QUEUED.value, due_at=bindparam("until"), published=False)
_SUSPECT = update(mails).where(IS_AMONG).values(state=State.RETRYING.value, due_at=bindparam("until"))
# While the relay is held a worker may have turned an id down before its confirm was noted.
_PUBLISHED = (
    update(mails)
    .where(IS_AMONG, mails.c.state == State.QUEUED, ~exists().where(hold.c.id.is_not(None)))
    .values(due_at=bindparam("until"), published=True)
)
_FIRST_PUBLISHED = _PUBLISHED.where(mails.c.claims == 0)


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
        lease_s: how long a claim holds without being renewed.
        watch_s: for how long a lease that ended is watched before its worker counts as dead.
    """

    def __init__(
        self,
        database: Database,
        poison_limit: int,
        clock: Callable[[], int] = clock_ms,
        *,
        lease_s: float = LONGEST_LEASE_S,
        watch_s: float = 0.0,
    ) -> None:
        self._database = database
        self._dead_workers = DeadWorkers(poison_limit, lease_s, watch_s, PUBLISHED_FOR_MS)
        self._clock = clock

    def take(self, most: int) -> Due:
        """Take mails that are due, the longest due first; who takes them has `PUBLISH_WITHIN_MS` to publish them.

        Args:
            most: how many to take at the most, besides the poison.
        """
        now = self._clock()
        with self._writing() as connection:
            poison = self._dead_workers.reclaim(connection, now)
            rows = connection.execute(_DUE, {"now": now, "most": most}).all()
            due = _sort(connection, rows)
            soon = now + PUBLISH_WITHIN_MS
            update_among(connection, POSTPONE, due.waiting, until=soon)
            update_among(connection, _QUEUE, due.publish, until=soon)
            update_among(connection, _SUSPECT, due.suspects, until=now + _SUSPECT_WAITS_MS)
        due.poison = poison
        return due

    def reclaim(self) -> list[str]:
        """Take from dead workers what they had in hand, which is left of `take` while the relay is held.

        Returns the ids of those mails that failed for good now: worker after worker died with them.
        """
        with self._writing() as connection:
            return self._dead_workers.reclaim(connection, self._clock())

    def mark_published(self, ids: Sequence[str]) -> None:
        """Note that the broker has these ids: nobody needs to publish them for a while."""
        until = self._clock() + PUBLISHED_FOR_MS
        with self._writing() as connection:
            update_among(connection, _PUBLISHED, ids, until=until)

    def mark_first_published(self, ids: Sequence[str]) -> None:
        """As `mark_published`, some time after: one that was claimed since and given back has to be published anew."""
        until = self._clock() + PUBLISHED_FOR_MS
        with self._writing() as connection:
            update_among(connection, _FIRST_PUBLISHED, ids, until=until)

    def count_published(self) -> int:
        """Count the mails that wait for a worker to claim them, and whose ids the broker has as far as it has said."""
        queued = mails.c.due_at.is_not(None), mails.c.state == State.QUEUED
        with transaction(self._database.reading) as connection:
            return connection.execute(select(func.count()).where(*queued, mails.c.published)).scalar_one()

    def forget_published(self) -> None:
        """Make all that waits for a worker due now: for a broker that is known to have lost what it had."""
        with transaction(self._database.recording) as connection:
            connection.execute(
                update(mails)
                .where(mails.c.due_at.is_not(None), mails.c.state == State.QUEUED)
                .values(due_at=self._clock(), published=False)
            )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with transaction(self._database.recording) as connection:
                yield connection
        except OutboxUnavailableError:
            self._dead_workers.watch_anew()
            raise


def _sort(connection: Connection, rows: Sequence[Any]) -> Due:
    due = Due()
    suspects = []
    for row in rows:
        if row.deaths >= SUSPECT_DEATHS:
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
    may_be_there = row.state == State.QUEUED and row.published
    (due.waiting if may_be_there else due.publish).append(row.id)
