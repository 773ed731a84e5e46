"""Claims: a worker's right to act on a mail, and what it writes down when it lets go."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy import Connection, bindparam, case, exists, literal_column, or_, select, update

from messaging.outbox import numbering
from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.enclosing import read_extras
from messaging.outbox.group_commit import GroupCommit
from messaging.outbox.records import Claim, Finish, Mail
from messaging.outbox.schema import IS_AMONG, hold, mails
from messaging.outbox.states import State
from messaging.outbox.totals import CLAIMS_REFUSED, RETRIED, add, failed_by

_HELD = exists().where(or_(hold.c.probe_id.is_(None), hold.c.probe_id != mails.c.id))

_CLAIM = (
    update(mails)
    .where(IS_AMONG, mails.c.state == State.QUEUED, ~_HELD)
    .values(
        state=State.SENDING.value,
        attempts=mails.c.attempts + 1,
        claims=mails.c.claims + 1,
        due_at=bindparam("lease_ends_at"),
    )
    .returning(
        mails.c.claims,
        # Compared with the mail's id here and not by the database: RETURNING names columns without their table.
        select(hold.c.probe_id).scalar_subquery(),
        mails.c.id,
        mails.c.attempts,
        mails.c.created_at,
        mails.c.finished_at,
        mails.c.sender,
        mails.c.recipient,
        mails.c.subject,
        mails.c.text,
        mails.c.test,
        mails.c.rich,
    )
)

# The relay's 250 is the truth whoever brings it. All else only who holds the claim may write.
_SENT = (
    update(mails)
    # As a parameter it would be held against what the index `mails_aside` leaves out, and the statement prepared anew
    # each time it is run (100 instead of 30 µs).
    .where(IS_AMONG, mails.c.state != literal_column("'sent'"))
    .values(state=State.SENT.value, due_at=None, finished_at=bindparam("ended_at"))
    .returning(mails.c.id)
)
_IS_HELD = (mails.c.id == bindparam("of")) & (mails.c.state == State.SENDING) & (mails.c.claims == bindparam("claim"))
#: The id of one that is turned down is gone from the broker's queue.
_TURN_DOWN = (
    update(mails)
    .where(IS_AMONG, mails.c.state == State.QUEUED, _HELD)
    .values(due_at=case((mails.c.due_at > bindparam("now"), bindparam("now")), else_=mails.c.due_at), published=False)
)
_LET_GO = (
    update(mails)
    .where(_IS_HELD)
    .values(
        state=bindparam("to_state"),
        due_at=bindparam("next_due_at"),
        attempts=mails.c.attempts - bindparam("uncharged"),
        finished_at=bindparam("ended_at"),
        published=False,
    )
)
_RENEW = update(mails).where(_IS_HELD).values(due_at=bindparam("lease_ends_at"))


@dataclass(frozen=True, slots=True)
class _Result:
    finish: Finish
    ended_at: int


class Claims:
    """Hands out claims and takes them back; workers that come at the same time share a transaction.

    Every method raises `OutboxUnavailableError` where the database is away; nothing was written then.

    Args:
        database: where the mails are.
        lease_s: how long a claim holds without being renewed.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, lease_s: float, clock: Callable[[], int] = clock_ms) -> None:
        self.lease_s = lease_s
        self._database = database
        self._lease_ms = int(lease_s * 1000)
        self._clock = clock
        # One for both: who finishes a mail soon claims the next, while others are about to finish.
        self._group = GroupCommit(database.recording, self._write)

    def claim(self, mail_id: str) -> Claim | None:
        """Claim a mail for sending; None if it does not wait for that, the relay is held, or another was first."""
        return cast("Claim | None", self._group.submit(mail_id))

    def finish(self, finish: Finish) -> bool:
        """Write down what became of a claim; False if the claim was no longer worth anything."""
        return cast("bool", self._group.submit(_Result(finish, self._clock())))

    def renew(self, claims: Sequence[Claim]) -> Sequence[bool]:
        """Begin the leases anew of claims that are being worked on; tells of each whether it still was the newest."""
        if not claims:
            return ()
        with transaction(self._database.recording) as connection:
            ends_at = self._clock() + self._lease_ms
            renewals = ({"of": claim.mail.id, "claim": claim.number, "lease_ends_at": ends_at} for claim in claims)
            return [connection.execute(_RENEW, renewal).rowcount == 1 for renewal in renewals]

    def _write(self, connection: Connection, batch: Sequence[str | _Result]) -> Sequence[Claim | bool | None]:
        # Results first: what one thread gives back another may claim.
        written = iter(_finish(connection, [item for item in batch if isinstance(item, _Result)]))
        # The time is asked for when the database is ours, which may take seconds.
        ids = [item for item in batch if isinstance(item, str)]
        claimed = iter(_claim(connection, ids, self._clock(), self._lease_ms))
        return [next(written) if isinstance(item, _Result) else next(claimed) for item in batch]


def _claim(connection: Connection, mail_ids: Sequence[str], now: int, lease_ms: int) -> Sequence[Claim | None]:
    if not mail_ids:
        return ()
    ids, ends_at = json.dumps(mail_ids), now + lease_ms
    claims: dict[str, Claim] = {}
    for number, probe_id, mail_id, *fields in connection.execute(_CLAIM, {"ids": ids, "lease_ends_at": ends_at}):
        claims[mail_id] = Claim(Mail(mail_id, State.SENDING, ends_at, *fields), number, probe_id == mail_id)
    if len(claims) < len(mail_ids):
        connection.execute(_TURN_DOWN, {"ids": ids, "now": now})
    add(connection, {CLAIMS_REFUSED: len(mail_ids) - len(claims)})
    rich = [mail_id for mail_id, claim in claims.items() if claim.mail.rich]
    for mail_id, extras in read_extras(connection, rich).items() if rich else ():
        claims[mail_id] = replace(claims[mail_id], extras=extras)
    # The same id twice in a batch is one claim, for the first who asked.
    return [claims.pop(mail_id, None) for mail_id in mail_ids]


def _finish(connection: Connection, results: Sequence[_Result]) -> Sequence[bool]:
    if not results:
        return ()
    sent = _mark_sent(connection, [result for result in results if result.finish.state is State.SENT])
    written = []
    for result in results:
        if result.finish.state is State.SENT:
            mail_id = result.finish.claim.mail.id
            written.append(mail_id in sent)
            sent.discard(mail_id)
        else:
            written.append(_let_go(connection, result))
    add(connection, Counter(_event(result.finish) for result, done in zip(results, written, strict=True) if done))
    tried = [
        {
            "mail_id": result.finish.claim.mail.id,
            "number": attempt.number,
            "started_at": attempt.started_at,
            "connect_ms": attempt.connect_ms,
            "transfer_ms": attempt.transfer_ms,
            "outcome": attempt.outcome.value,
            "code": attempt.code,
            "reply": attempt.reply,
        }
        for result in results
        if (attempt := result.finish.attempt)
    ]
    if tried:
        connection.execute(numbering.INSERT, tried)
    return written


def _event(finish: Finish) -> str:
    """What has to be counted, since the state alone does not tell; empty if nothing has."""
    if finish.state is State.FAILED and finish.outcome:
        return failed_by(finish.outcome)
    return RETRIED if finish.state is State.RETRYING else ""


def _mark_sent(connection: Connection, results: Sequence[_Result]) -> set[str]:
    """Write down what was sent, by far the most common result; returns the ids of those that it is news of."""
    if not results:
        return set()
    ids = json.dumps([result.finish.claim.mail.id for result in results])
    ended_at = max(result.ended_at for result in results)
    return {row[0] for row in connection.execute(_SENT, {"ids": ids, "ended_at": ended_at})}


def _let_go(connection: Connection, result: _Result) -> bool:
    finish = result.finish
    values = {
        "of": finish.claim.mail.id,
        "claim": finish.claim.number,
        "to_state": finish.state.value,
        "next_due_at": finish.due_at,
        "uncharged": 0 if finish.charged else 1,
        "ended_at": result.ended_at if finish.due_at is None else None,
    }
    return connection.execute(_LET_GO, values).rowcount == 1
