"""What is due: taken by dispatchers, published, and looked at again."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Update, and_, bindparam, case, func, insert, or_, select, text, update

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import PUBLISH_WITHIN_MS
from messaging.outbox.records import Outcome
from messaging.outbox.schema import IS_AMONG, attempts, mails
from messaging.outbox.states import State
from messaging.outbox.totals import add, failed_by

#: How long a mail may lie in the broker's queue before it is asked whether it still is there, in milliseconds.
PUBLISHED_FOR_MS: Final = 15_000

#: A mail whose workers died this often is tried while no other such mail is: of those that died together one is to
#: blame, and alone it cannot take the others with it to their last death.
SUSPECT_DEATHS: Final = 2

#: A lease is shorter than this, where nobody says how long it is, in seconds.
_LONGEST_LEASE_S: Final = 31_536_000.0

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

_LEASE = select(
    mails.c.id, mails.c.state, mails.c.claims, mails.c.due_at, mails.c.attempts, mails.c.deaths
).with_for_update(skip_locked=True)
_ENDED = _LEASE.where(mails.c.due_at <= bindparam("now"), mails.c.state == State.SENDING).order_by(mails.c.due_at)

# Nobody asks for times so far ahead: it was the clock that was.
_TOO_FAR_AHEAD = _LEASE.where(
    mails.c.due_at > bindparam("published_until"),
    or_(
        mails.c.state == State.QUEUED, and_(mails.c.state == State.SENDING, mails.c.due_at > bindparam("leased_until"))
    ),
)

_QUEUE = update(mails).where(IS_AMONG).values(state=State.QUEUED.value, due_at=bindparam("until"), published=False)
_POSTPONE = update(mails).where(IS_AMONG).values(due_at=bindparam("until"))
_RECLAIM = (
    update(mails)
    .where(IS_AMONG)
    .values(
        state=bindparam("to_state"),
        due_at=case((mails.c.due_at > bindparam("now"), bindparam("now")), else_=mails.c.due_at),
        published=False,
        deaths=mails.c.deaths + 1,
        attempts=mails.c.attempts - 1,
    )
)
_SUSPECT = update(mails).where(IS_AMONG).values(state=State.RETRYING.value, due_at=bindparam("until"))
_POISON = (
    update(mails)
    .where(IS_AMONG)
    .values(state=State.FAILED.value, due_at=None, finished_at=bindparam("now"), deaths=mails.c.deaths + 1)
)
_PUBLISHED = (
    update(mails).where(IS_AMONG, mails.c.state == State.QUEUED).values(due_at=bindparam("until"), published=True)
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
        watch_s: a lease that ended has to be found so again, not renewed, after so many seconds: a clock that was set,
            or a database that was away, ends the leases of living workers, who renew them as soon as they can.
    """

    def __init__(
        self,
        database: Database,
        poison_limit: int,
        clock: Callable[[], int] = clock_ms,
        *,
        lease_s: float = _LONGEST_LEASE_S,
        watch_s: float = 0.0,
    ) -> None:
        self._database = database
        self._poison_limit = poison_limit
        self._lease_ms = int(lease_s * 1000)
        self._clock = clock
        self._watch_s = watch_s
        #: The leases that the last look at them found ended, and when the next one is due by the monotonic clock.
        self._ended: set[tuple[str, int, int]] = set()
        self._look_at = 0.0

    def take(self, most: int) -> Due:
        """Take mails that are due, the longest due first; who takes them has `PUBLISH_WITHIN_MS` to publish them.

        Args:
            most: how many to take at the most, besides the poison.
        """
        now = self._clock()
        with self._writing() as connection:
            poison = self._reclaim(connection, now)
            rows = connection.execute(_DUE, {"now": now, "most": most}).all()
            due = _sort(connection, rows)
            soon = now + PUBLISH_WITHIN_MS
            _update(connection, _POSTPONE, due.waiting, until=soon)
            _update(connection, _QUEUE, due.publish, until=soon)
            _update(connection, _SUSPECT, due.suspects, until=now + _SUSPECT_WAITS_MS)
        due.poison = poison
        return due

    def reclaim(self) -> list[str]:
        """Take from dead workers what they had in hand, which is left of `take` while the relay is held.

        Returns the ids of those mails that failed for good now: worker after worker died with them.
        """
        with self._writing() as connection:
            return self._reclaim(connection, self._clock())

    def mark_published(self, ids: Sequence[str]) -> None:
        """Note that the broker has these ids: nobody needs to publish them for a while."""
        until = self._clock() + PUBLISHED_FOR_MS
        with self._writing() as connection:
            _update(connection, _PUBLISHED, ids, until=until)

    def mark_first_published(self, ids: Sequence[str]) -> None:
        """As `mark_published`, some time after: one that was claimed since and given back has to be published anew."""
        until = self._clock() + PUBLISHED_FOR_MS
        with self._writing() as connection:
            _update(connection, _FIRST_PUBLISHED, ids, until=until)

    def count_queued(self) -> int:
        """Count the mails that wait for a worker to claim them, published or not."""
        queued = select(func.count()).where(mails.c.due_at.is_not(None), mails.c.state == State.QUEUED)
        with transaction(self._database.reading) as connection:
            return connection.execute(queued).scalar_one()

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
            # Nor can leases be renewed: whatever ended meanwhile is watched from its return on.
            self._ended.clear()
            self._look_at = time.monotonic() + self._watch_s
            raise

    def _reclaim(self, connection: Connection, now: int) -> list[str]:
        dead = self._dead(connection, now)
        poison = [row for row in dead if row.deaths + 1 >= self._poison_limit]
        others = [row for row in dead if row.deaths + 1 < self._poison_limit]
        suspects = [row.id for row in others if row.deaths + 1 >= SUSPECT_DEATHS]
        harmless = [row.id for row in others if row.deaths + 1 < SUSPECT_DEATHS]
        _update(connection, _RECLAIM, harmless, to_state=State.QUEUED.value, now=now)
        _update(connection, _RECLAIM, suspects, to_state=State.RETRYING.value, now=now)
        return self._fail(connection, poison, now)

    def _dead(self, connection: Connection, now: int) -> Sequence[Any]:
        """The mails whose leases ended, and were found so a while ago; with an eye on a clock that was set back."""
        looked_at = time.monotonic()
        if looked_at < self._look_at:
            return ()
        self._look_at = looked_at + self._watch_s
        rows = connection.execute(_ENDED, {"now": now}).all()
        limits = {"published_until": now + PUBLISHED_FOR_MS, "leased_until": now + self._lease_ms}
        ahead = connection.execute(_TOO_FAR_AHEAD, limits).all()
        _update(connection, _POSTPONE, [row.id for row in ahead if row.state == State.QUEUED], until=now)
        rows = [*rows, *(row for row in ahead if row.state == State.SENDING)]
        known, self._ended = self._ended, {(row.id, row.claims, row.due_at) for row in rows}
        return [row for row in rows if not self._watch_s or (row.id, row.claims, row.due_at) in known]

    def _fail(self, connection: Connection, poison: Sequence[Any], now: int) -> list[str]:
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
        add(connection, {failed_by(Outcome.OURS): len(ids)})
        return ids


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


def _update(connection: Connection, statement: Update, ids: Sequence[str], **values: object) -> None:
    if ids:
        connection.execute(statement, {"ids": json.dumps(ids), **values})
