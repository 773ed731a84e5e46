"""What was counted of all mails, by all processes together: in the transactions that it happened in.

How many mails are in a final state and ever came into it, in all and by the minute, is counted by triggers, whoever
changes a mail; `tallies` reads the minutes. `add` counts what no state tells. What waits is counted when it is asked
for, in the index of what is due, and so costs no mail anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, func, select, update

from messaging.outbox.database import Database, transaction
from messaging.outbox.records import Outcome
from messaging.outbox.schema import mails, totals
from messaging.outbox.states import FINAL, State

#: A worker gave a mail back to be tried again later.
RETRIED: Final = "retried"

#: A worker came for a mail that did not wait for one, or was held.
CLAIMS_REFUSED: Final = "claims refused"

_REMOVED: Final = "removed"

#: Why a mail may have failed: the relay refused it, was busy too often, or it is our own fault.
_FAILURES: Final = (Outcome.REFUSED, Outcome.BUSY, Outcome.OURS)

_ADD = update(totals).where(totals.c.name == bindparam("of")).values(ever=totals.c.ever + bindparam("more"))


#: One pass; to group by state would sort them all (a million that wait: 250 instead of 120 ms).
_WAITING = select(
    func.min(mails.c.due_at).label("next_due_at"),
    *(func.count().filter(mails.c.state == state).label(state.value) for state in State if state not in FINAL),
).where(mails.c.due_at.is_not(None))


@dataclass(frozen=True, slots=True)
class Counted:
    """One look at the totals; what is not `now` only grows, also where mails are removed."""

    #: How many mails are in each state now.
    now: Mapping[State, int]
    #: How many mails were accepted, and how often one came into each final state.
    accepted: int
    finished: Mapping[State, int]
    failed: Mapping[Outcome, int]
    retried: int
    claims_refused: int
    #: When the mail that is looked at next is due, in milliseconds since 1970, UTC; none if none is unfinished.
    next_due_at: int | None


def failed_by(outcome: Outcome) -> str:
    """The name under which mails are counted that failed with this outcome of their last attempt."""
    return f"failed: {outcome}"


def add(connection: Connection, events: Mapping[str, int]) -> None:
    """Count events in the transaction of `connection`; costs nothing where there are none.

    Args:
        connection: in a transaction.
        events: how many there were of each name; the empty name is none.
    """
    more = [{"of": name, "more": count} for name, count in events.items() if name and count]
    if more:
        connection.execute(_ADD, more)


def read_totals(database: Database) -> Counted:
    """Read the totals, which takes longer where more mails wait, and not where more are kept.

    Raises:
        OutboxUnavailableError: if the database is away.
    """
    with transaction(database.reading) as connection:
        rows = {row.name: row for row in connection.execute(select(totals))}
        waiting = connection.execute(_WAITING).one()
    now = {state: rows[state].now if state in FINAL else getattr(waiting, state) for state in State}
    return Counted(
        now=now,
        accepted=sum(now.values()) + rows[_REMOVED].ever,
        finished={state: rows[state].ever for state in FINAL},
        failed={outcome: rows[failed_by(outcome)].ever for outcome in _FAILURES},
        retried=rows[RETRIED].ever,
        claims_refused=rows[CLAIMS_REFUSED].ever,
        next_due_at=waiting.next_due_at,
    )
