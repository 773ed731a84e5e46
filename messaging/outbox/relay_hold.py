"""The relay's hold: while the relay is away or refuses us, no mail is tried but one probe at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.records import Outcome
from messaging.outbox.schema import attempts, hold, mails
from messaging.outbox.states import State

#: Of so many that are due longest the next probe is chosen.
_CANDIDATES: Final = 100

#: A relay that took a mail within this time takes mails, in milliseconds; it is found among so many attempts.
_JUST_NOW_MS: Final = 10_000
_LAST_ATTEMPTS: Final = 100


@dataclass(frozen=True, slots=True)
class Hold:
    """Why mails wait; times are milliseconds since 1970, UTC."""

    #: The relay's words, or ours where it said none.
    reason: str = field(repr=False)
    since: int
    #: When the next mail is tried.
    probe_at: int


class RelayHold:
    """The one row that holds all mail.

    Every method raises `OutboxUnavailableError` where the database is away.

    Args:
        database: where the row is.
        probe_every_s: wait between probes.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, probe_every_s: float, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._probe_every_ms = int(probe_every_s * 1000)
        self._clock = clock

    def read(self) -> Hold | None:
        with transaction(self._database.reading) as connection:
            row = connection.execute(select(hold.c.reason, hold.c.since, hold.c.probe_at)).one_or_none()
        return Hold(row.reason, row.since, row.probe_at) if row else None

    def takes_mails(self) -> bool:
        """Whether the relay took a mail in the last few seconds, by whatever process; not where nobody can tell."""
        last = select(attempts).order_by(attempts.c.id.desc()).limit(_LAST_ATTEMPTS).subquery()
        taken_at = last.c.started_at + last.c.connect_ms + last.c.transfer_ms
        newest = select(func.max(taken_at)).where(last.c.outcome == Outcome.SENT.value)
        try:
            with transaction(self._database.reading) as connection:
                taken_at_ms: int | None = connection.execute(newest).scalar_one()
        except OutboxUnavailableError:
            return False
        return taken_at_ms is not None and abs(self._clock() - taken_at_ms) < _JUST_NOW_MS

    def begin(self, reason: str) -> bool:
        """Hold the relay or, if it is held, note that it still has to be; True if this began it."""
        now = self._clock()
        with transaction(self._database.recording) as connection:
            held = connection.execute(update(hold).values(reason=reason, probe_id=None)).rowcount
            if not held:
                connection.execute(
                    insert(hold), {"id": 1, "reason": reason, "since": now, "probe_at": now + self._probe_every_ms}
                )
        return not held

    def take_probe(self) -> str | None:
        """Choose the mail that may be tried now, of those due longest the least tried one.

        None if it is not time, or no mail waits.
        """
        now = self._clock()
        with transaction(self._database.recording) as connection:
            # Further ahead than it ever is, and it was the clock that was.
            is_time = or_(hold.c.probe_at <= now, hold.c.probe_at > now + self._probe_every_ms)
            if not connection.execute(select(hold.c.id).where(is_time)).one_or_none():
                return None
            # One that fell due while held is `queued` with a time to come, if its id was published just before. What
            # is `sending` is taken from its worker first, if that is dead (`DueMails.reclaim`).
            waits = and_(mails.c.state != State.SENDING, or_(mails.c.state == State.QUEUED, mails.c.due_at <= now))
            is_test = mails.c.test == bindparam("test")
            longest_due = (
                select(mails.c.id, mails.c.claims, mails.c.due_at)
                .where(mails.c.due_at.is_not(None), waits, is_test)
                .order_by(mails.c.due_at)
                .limit(_CANDIDATES)
                .subquery()
            )
            # In turns: one that the relay always takes amiss must not be every probe.
            least_tried = select(longest_due.c.id).order_by(longest_due.c.claims, longest_due.c.due_at).limit(1)
            # A test key's mail finds nothing out about the relay: it is the probe only where no other mail waits.
            found = (connection.execute(least_tried, {"test": test}).scalar_one_or_none() for test in (False, True))
            probe_id: str | None = next(filter(None, found), None)
            if probe_id is not None:
                connection.execute(update(mails).where(mails.c.id == probe_id).values(state=State.QUEUED, due_at=now))
                connection.execute(update(hold).values(probe_id=probe_id, probe_at=now + self._probe_every_ms))
        return probe_id

    def release(self) -> None:
        """End the hold: what workers turned down, or gave back, is due since then; nothing else has to be written."""
        with transaction(self._database.recording) as connection:
            connection.execute(delete(hold))
