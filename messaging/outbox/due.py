"""What is due: taken by dispatchers, published, and looked at again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, text, update

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.outbox import PUBLISH_WITHIN_MS
from messaging.outbox.records import Outcome
from messaging.outbox.schema import attempts, mails
from messaging.outbox.states import State

#: How long a mail may lie in the broker's queue before it is asked whether it still is there, in milliseconds.
PUBLISHED_FOR_MS: Final = 15_000

#: A mail whose workers died this often is tried while no other such mail is: of those that died together one is to
#: blame, and alone it cannot take the others with it to their last death.
SUSPECT_DEATHS: Final = 2

#: Wait of a suspect for the one that is being tried, in milliseconds.
_SUSPECT_WAITS_MS: Final = 1_000

_DUE = (
    select(mails.c.id, mails.c.state, mails.c.published_at, mails.c.deaths, mails.c.attempts, mails.c.due_at)
    .where(mails.c.due_at <= bindparam("now"))
    .order_by(mails.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)

_SUSPECT_IN_PLAY = (
    select(mails.c.id)
    .where(
        # Spelled as in the index, so that it is seen to fit.
        text("deaths > 0 AND due_at IS NOT NULL"),
        mails.c.deaths >= SUSPECT_DEATHS,
        mails.c.state.in_((State.QUEUED, State.SENDING)),
    )
    .limit(1)
)

_AMONG = mails.c.id.in_(bindparam("ids", expanding=True))
_QUEUE = update(mails).where(_AMONG).values(state=State.QUEUED.value, due_at=bindparam("until"), published_at=None)
_POSTPONE = update(mails).where(_AMONG).values(due_at=bindparam("until"))
_COUNT_DEATH = update(mails).where(_AMONG).values(deaths=mails.c.deaths + 1)
_SUSPECT = update(mails).where(_AMONG).values(state=State.RETRYING.value, due_at=bindparam("until"))
_POISON = update(mails).where(_AMONG).values(state=State.FAILED.value, due_at=None, finished_at=bindparam("now"))
_PUBLISHED = (
    update(mails)
    .where(_AMONG, mails.c.state == State.QUEUED)
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
            most: how many to take at the most.
        """
        now = self._clock()
        with transaction(self._database.recording) as connection:
            rows = connection.execute(_DUE, {"now": now, "most": most}).all()
            if not rows:
                return Due()
            died = [row.id for row in rows if row.state == State.SENDING]
            connection.execute(_COUNT_DEATH, {"ids": died})
            due = self._sort(connection, rows)
            soon = now + PUBLISH_WITHIN_MS
            connection.execute(_POSTPONE, {"ids": due.waiting, "until": soon})
            connection.execute(_QUEUE, {"ids": due.publish, "until": soon})
            if due.suspects:
                connection.execute(_SUSPECT, {"ids": due.suspects, "until": now + _SUSPECT_WAITS_MS})
            if due.poison:
                self._fail(connection, rows, due.poison, now)
        return due

    def mark_published(self, ids: Sequence[str]) -> None:
        """Note that the broker has these ids: nobody needs to publish them for a while."""
        now = self._clock()
        with transaction(self._database.recording) as connection:
            connection.execute(_PUBLISHED, {"ids": ids, "until": now + PUBLISHED_FOR_MS, "now": now})

    def forget_published(self) -> None:
        """Make all that waits for a worker due now: for a broker that is known to have lost what it had."""
        with transaction(self._database.recording) as connection:
            connection.execute(
                update(mails)
                .where(mails.c.due_at.is_not(None), mails.c.state == State.QUEUED)
                .values(due_at=self._clock(), published_at=None)
            )

    def _sort(self, connection: Connection, rows: Sequence[Any]) -> Due:
        due = Due()
        suspects: list[str] = []
        for row in rows:
            deaths = row.deaths + (row.state == State.SENDING)
            if row.state == State.SENDING and deaths >= self._poison_limit:
                due.poison.append(row.id)
            elif row.state == State.QUEUED:
                (due.publish if row.published_at is None else due.waiting).append(row.id)
            elif deaths >= SUSPECT_DEATHS:
                suspects.append(row.id)
            else:
                due.publish.append(row.id)
        # Those that died just now are suspects in their old state still; they do not stand in their own way.
        if suspects and connection.execute(_SUSPECT_IN_PLAY.where(mails.c.id.not_in(suspects))).first() is None:
            due.publish.append(suspects.pop(0))
        due.suspects = suspects
        return due

    def _fail(self, connection: Connection, rows: Sequence[Any], poison: Sequence[str], now: int) -> None:
        connection.execute(_POISON, {"ids": poison, "now": now})
        reply = f"given up: {self._poison_limit} workers died while they were sending this mail"
        connection.execute(
            insert(attempts),
            [
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
                for row in rows
                if row.id in poison
            ],
        )
