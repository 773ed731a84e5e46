"""Claims: a worker's right to act on a mail, and what it writes down when it lets go."""

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, bindparam, exists, insert, or_, select, update

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.group_commit import GroupCommit
from messaging.outbox.records import Attempt, Claim, Finish
from messaging.outbox.rows import MAIL_COLUMNS, mail_of
from messaging.outbox.schema import attempts, hold, mails
from messaging.outbox.states import State

_HELD = exists().where(or_(hold.c.probe_id.is_(None), hold.c.probe_id != mails.c.id))
# Compared with the mail's id here and not by the database: RETURNING names columns without their table.
_PROBE = select(hold.c.probe_id).scalar_subquery()

_CLAIM = (
    update(mails)
    .where(mails.c.id.in_(bindparam("ids", expanding=True)), mails.c.state == State.QUEUED, ~_HELD)
    .values(
        state=State.SENDING.value,
        attempts=mails.c.attempts + 1,
        claims=mails.c.claims + 1,
        due_at=bindparam("lease_ends_at"),
    )
    .returning(mails.c.claims, _PROBE.label("probe_id"), *MAIL_COLUMNS)
)

# Only who holds the claim may write, with one exception: the relay's 250 is the truth whoever brings it.
_FINISH = (
    update(mails)
    .where(
        mails.c.id == bindparam("of"),
        or_(
            (mails.c.state == State.SENDING) & (mails.c.claims == bindparam("claim")),
            (bindparam("to_state") == State.SENT.value) & (mails.c.state != State.SENT),
        ),
    )
    .values(
        state=bindparam("to_state"),
        due_at=bindparam("next_due_at"),
        attempts=mails.c.attempts - bindparam("uncharged"),
        finished_at=bindparam("ended_at"),
        published_at=None,
    )
)

_RENEW = (
    update(mails)
    .where(mails.c.id == bindparam("of"), mails.c.state == State.SENDING, mails.c.claims == bindparam("claim"))
    .values(due_at=bindparam("lease_ends_at"))
)

_ATTEMPT_FIELDS = tuple(Attempt.__dataclass_fields__)


class Claims:
    """Hands out claims and takes them back; workers that come at the same time share a transaction.

    Every method raises `OutboxUnavailableError` where the database is away; nothing was written then.

    Args:
        database: where the mails are.
        lease_s: how long a claim holds without being renewed.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, lease_s: float, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._lease_ms = int(lease_s * 1000)
        self._clock = clock
        self._claims = GroupCommit(database.recording, _claim)
        self._finishes = GroupCommit(database.recording, _finish)

    def claim(self, mail_id: str) -> Claim | None:
        """Claim a mail for sending; None if it does not wait for that, the relay is held, or another was first."""
        return self._claims.submit((mail_id, self._clock() + self._lease_ms))

    def finish(self, finish: Finish) -> bool:
        """Write down what became of a claim; False if the claim was no longer worth anything."""
        return self._finishes.submit((finish, self._clock()))

    def renew(self, claims: Iterable[Claim]) -> None:
        """Begin the leases anew of claims that are being worked on."""
        lease_ends_at = self._clock() + self._lease_ms
        renewals = [{"of": claim.mail.id, "claim": claim.number, "lease_ends_at": lease_ends_at} for claim in claims]
        if renewals:
            with transaction(self._database.recording) as connection:
                connection.execute(_RENEW, renewals)


def _claim(connection: Connection, batch: Sequence[tuple[str, int]]) -> Sequence[Claim | None]:
    lease_ends_at = max(ends_at for _, ends_at in batch)
    rows = connection.execute(_CLAIM, {"ids": [mail_id for mail_id, _ in batch], "lease_ends_at": lease_ends_at})
    claims = {row.id: Claim(mail_of(row), row.claims, row.probe_id == row.id) for row in rows}
    # The same id twice in a batch is one claim, for the first who asked.
    return [claims.pop(mail_id, None) for mail_id, _ in batch]


def _finish(connection: Connection, batch: Sequence[tuple[Finish, int]]) -> Sequence[bool]:
    written = []
    for finish, now in batch:
        result = connection.execute(
            _FINISH,
            {
                "of": finish.claim.mail.id,
                "claim": finish.claim.number,
                "to_state": finish.state.value,
                "next_due_at": finish.due_at,
                "uncharged": 0 if finish.charged else 1,
                "ended_at": now if finish.due_at is None else None,
            },
        )
        written.append(result.rowcount == 1)
    tried = [
        {"mail_id": finish.claim.mail.id, **{name: getattr(finish.attempt, name) for name in _ATTEMPT_FIELDS}}
        for finish, _ in batch
        if finish.attempt is not None
    ]
    if tried:
        connection.execute(insert(attempts), tried)
    return written
