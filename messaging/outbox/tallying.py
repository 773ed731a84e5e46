"""Counts by the minute the mails that were finished, a moment later, so that finishing them costs nothing more."""

from typing import Final

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, or_, select, text, update

from messaging.outbox.schema import attempts, mails, tallied, tallies
from messaging.outbox.states import State

#: Mails are counted by the minute; in milliseconds, as all times here.
MINUTE_MS: Final = 60_000

#: How long the counts of a minute are kept: 8 days.
KEPT_MS: Final = 8 * 24 * 60 * MINUTE_MS

#: Attempts that are looked at in one transaction: others want to write, too.
MOST_COUNTED: Final = 2_000

_other = attempts.alias()

# A mail that was sent counts with the first attempt that says so, since a late 250 makes a second one; one that failed
# counts with its last.
_COUNTED_BEFORE = exists().where(
    _other.c.mail_id == attempts.c.mail_id,
    or_(
        and_(mails.c.state == State.SENT, _other.c.outcome == "sent", _other.c.id < attempts.c.id),
        and_(mails.c.state != State.SENT, _other.c.id > attempts.c.id),
    ),
)
_MINUTE = (mails.c.finished_at - mails.c.finished_at % MINUTE_MS).label("minute")
_FINISHED = (
    select(_MINUTE, mails.c.state, func.count().label("mails"))
    .join_from(attempts, mails, mails.c.id == attempts.c.mail_id)
    .where(
        attempts.c.id > bindparam("after"),
        attempts.c.id <= bindparam("upto"),
        mails.c.state.in_((State.SENT, State.TESTED, State.FAILED)),
        or_(mails.c.state != State.SENT, attempts.c.outcome == "sent"),
        ~_COUNTED_BEFORE,
    )
    .group_by(_MINUTE, mails.c.state)
)
_ADD = text(
    "INSERT INTO tallies (at, state, mails) VALUES (:at, :state, :mails)"
    " ON CONFLICT (at, state) DO UPDATE SET mails = mails + excluded.mails"
)


def count_finished(connection: Connection) -> int:
    """Count the mails that were finished since the last time, some of them at the most; returns how many attempts."""
    after = connection.execute(select(tallied.c.attempt)).scalar_one()
    new = select(attempts.c.id).where(attempts.c.id > after).order_by(attempts.c.id).limit(MOST_COUNTED).subquery()
    number, upto = connection.execute(select(func.count(), func.max(new.c.id)).select_from(new)).one()
    if number:
        rows = connection.execute(_FINISHED, {"after": after, "upto": upto}).all()
        if rows:
            connection.execute(_ADD, [{"at": row.minute, "state": row.state, "mails": row.mails} for row in rows])
        connection.execute(update(tallied).values(attempt=upto))
    return int(number)


def forget(connection: Connection, now: int) -> None:
    """Remove counts that are old; to be called when attempts have been removed."""
    connection.execute(delete(tallies).where(tallies.c.at <= now - KEPT_MS))
    # An attempt's number may be given again when those from it on are gone.
    last = select(func.coalesce(func.max(attempts.c.id), 0)).scalar_subquery()
    connection.execute(update(tallied).where(tallied.c.attempt > last).values(attempt=last))
