"""What was counted of all mails, by all processes together: in the transactions that it happened in.

How many mails are in a state and ever came into it is counted by triggers, whoever changes a mail; `add` counts what no
state tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from messaging.outbox.database import Database, transaction
from messaging.outbox.records import Outcome
from messaging.outbox.schema import mails, totals
from messaging.outbox.states import State

#: A worker gave a mail back to be tried again later.
RETRIED: Final = "retried"

#: A worker came for a mail that did not wait for one, or was held.
CLAIMS_REFUSED: Final = "claims refused"

_REMOVED: Final = "removed"

#: Why a mail may have failed: the relay refused it, was busy too often, or it is our own fault.
_FAILURES: Final = (Outcome.REFUSED, Outcome.BUSY, Outcome.OURS)

_ADD = update(totals).where(totals.c.name == bindparam("of")).values(ever=totals.c.ever + bindparam("more"))


@dataclass(frozen=True, slots=True)
class Counted:
    """One look at the totals; what is not `now` only grows, also where mails are removed."""

    #: How many mails are in each state now.
    now: Mapping[State, int]
    #: How many mails were accepted, and how often one came into each state.
    accepted: int
    entered: Mapping[State, int]
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
    """Read the totals, which takes the same time however many mails there are.

    Raises:
        OutboxUnavailableError: if the database is away.
    """
    next_due = select(mails.c.due_at).where(mails.c.due_at.is_not(None)).order_by(mails.c.due_at).limit(1)
    with transaction(database.reading) as connection:
        rows = {row.name: row for row in connection.execute(select(totals))}
        next_due_at = connection.execute(next_due).scalar_one_or_none()
    return Counted(
        now={state: rows[state].now for state in State},
        accepted=sum(rows[state].now for state in State) + rows[_REMOVED].ever,
        entered={state: rows[state].ever for state in State},
        failed={outcome: rows[failed_by(outcome)].ever for outcome in _FAILURES},
        retried=rows[RETRIED].ever,
        claims_refused=rows[CLAIMS_REFUSED].ever,
        next_due_at=next_due_at,
    )
