"""What dead workers had in hand is taken from them; a mail that worker after worker dies with fails."""

import time
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, case, or_, select, update

from messaging.outbox import numbering
from messaging.outbox.among import update_among
from messaging.outbox.records import Outcome
from messaging.outbox.schema import IS_AMONG, mails
from messaging.outbox.states import State
from messaging.outbox.totals import add, failed_by

#: A mail whose workers died this often is tried while no other such mail is: of those that died together one is to
#: blame, and alone it cannot take the others with it to their last death.
SUSPECT_DEATHS: Final = 2

#: A lease is shorter than this, where nobody says how long it is, in seconds.
LONGEST_LEASE_S: Final = 31_536_000.0

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

#: Has to be done later.
POSTPONE: Final = update(mails).where(IS_AMONG).values(due_at=bindparam("until"))
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
_POISON = (
    update(mails)
    .where(IS_AMONG)
    .values(state=State.FAILED.value, due_at=None, finished_at=bindparam("now"), deaths=mails.c.deaths + 1)
)


class DeadWorkers:
    """Finds leases that ended.

    Args:
        poison_limit: a mail that was claimed when its worker died so many times fails.
        lease_s: how long a claim holds without being renewed.
        watch_s: a lease that ended has to be found so again, not renewed, after so many seconds: a clock that was set,
            or a database that was away, ends the leases of living workers, who renew them as soon as they can.
        published_for_ms: no mail that is queued is due in more milliseconds than that.
    """

    def __init__(self, poison_limit: int, lease_s: float, watch_s: float, published_for_ms: int) -> None:
        self._poison_limit = poison_limit
        self._lease_ms = int(lease_s * 1000)
        self._watch_s = watch_s
        self._published_for_ms = published_for_ms
        #: The leases that the last look at them found ended, and when the next one is due by the monotonic clock.
        self._ended: set[tuple[str, int, int]] = set()
        self._look_at = 0.0

    def watch_anew(self) -> None:
        """Watch from now on whatever ended: the database was away, and no lease could be renewed."""
        self._ended.clear()

    def reclaim(self, connection: Connection, now: int) -> list[str]:
        """Take the mails whose leases ended; returns the ids of those that failed for good now.

        Args:
            connection: within a transaction.
            now: in milliseconds since 1970, UTC.
        """
        dead = self._dead(connection, now)
        poison = [row for row in dead if row.deaths + 1 >= self._poison_limit]
        others = [row for row in dead if row.deaths + 1 < self._poison_limit]
        suspects = [row.id for row in others if row.deaths + 1 >= SUSPECT_DEATHS]
        harmless = [row.id for row in others if row.deaths + 1 < SUSPECT_DEATHS]
        update_among(connection, _RECLAIM, harmless, to_state=State.QUEUED.value, now=now)
        update_among(connection, _RECLAIM, suspects, to_state=State.RETRYING.value, now=now)
        return self._fail(connection, poison, now)

    def _dead(self, connection: Connection, now: int) -> Sequence[Any]:
        """The mails whose leases ended, and were found so a while ago; with an eye on a clock that was set back."""
        looked_at = time.monotonic()
        if looked_at < self._look_at:
            return ()
        self._look_at = looked_at + self._watch_s
        rows = connection.execute(_ENDED, {"now": now}).all()
        limits = {"published_until": now + self._published_for_ms, "leased_until": now + self._lease_ms}
        ahead = connection.execute(_TOO_FAR_AHEAD, limits).all()
        update_among(connection, POSTPONE, [row.id for row in ahead if row.state == State.QUEUED], until=now)
        rows = [*rows, *(row for row in ahead if row.state == State.SENDING)]
        known, self._ended = self._ended, {(row.id, row.claims, row.due_at) for row in rows}
        return [row for row in rows if not self._watch_s or (row.id, row.claims, row.due_at) in known]

    def _fail(self, connection: Connection, poison: Sequence[Any], now: int) -> list[str]:
        ids = [row.id for row in poison]
        update_among(connection, _POISON, ids, now=now)
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
            connection.execute(numbering.INSERT, tried)
        add(connection, {failed_by(Outcome.OURS): len(ids)})
        return ids
