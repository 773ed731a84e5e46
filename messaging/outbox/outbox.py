"""The outbox: accepts mails, says what is due, hands out claims and writes down what became of them."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, desc, or_, select, text, update
from sqlalchemy import insert as insert_into

from messaging.outbox.database import Database, transaction
from messaging.outbox.group_commit import GroupCommit
from messaging.outbox.ids import new_id
from messaging.outbox.records import Attempt, Claim, Finish, Mail, Outcome
from messaging.outbox.schema import attempts, mails
from messaging.outbox.states import State

#: How long the one who took a mail from the list of what is due, or accepted it, has to publish it, in milliseconds:
#: after that anybody may.
PUBLISH_WITHIN_MS: Final = 5_000

#: How long a mail may lie in the broker's queue before it is asked whether it still is there, in milliseconds.
PUBLISHED_FOR_MS: Final = 60_000

_MAIL_COLUMNS = [mails.c[name] for name in Mail.__dataclass_fields__]

_INSERT = insert_into(mails)

_AMONG = mails.c.id.in_(bindparam("ids", expanding=True))

_CLAIM = (
    update(mails)
    .where(_AMONG, mails.c.state == State.QUEUED)
    .values(
        state=State.SENDING.value,
        attempts=mails.c.attempts + 1,
        claims=mails.c.claims + 1,
        due_at=bindparam("lease_ends_at"),
        # The broker's message is spent: a mail that goes back to the queue needs a new one.
        published_at=None,
    )
    .returning(mails.c.claims, *_MAIL_COLUMNS)
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
    )
)

_DUE = (
    select(mails.c.id, mails.c.state, mails.c.published_at)
    .where(mails.c.due_at <= bindparam("now"))
    .order_by(mails.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)

_QUEUE = update(mails).where(_AMONG).values(state=State.QUEUED.value, due_at=bindparam("until"), published_at=None)
_POSTPONE = update(mails).where(_AMONG).values(due_at=bindparam("until"))
_PUBLISHED = (
    update(mails)
    .where(_AMONG, mails.c.state == State.QUEUED)
    .values(due_at=bindparam("until"), published_at=bindparam("now"))
)


def clock_ms() -> int:
    """The time in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


class Outbox:
    """All that the service does with its mails, each step one short transaction.

    Every method raises `OutboxUnavailableError` where the database is away; nothing was written then.

    Args:
        database: where the mails are.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._clock = clock
        self._accepts = GroupCommit(database.accepting, _accept)
        self._claims = GroupCommit(database.recording, _claim)
        self._finishes = GroupCommit(database.recording, _finish)

    def accept(self, *, sender: str, recipient: str, subject: str, text: str) -> Mail:
        """Store a mail that is to be sent at once; when this returns it is on the disk."""
        now = self._clock()
        mail = Mail(
            id=new_id(now),
            state=State.QUEUED,
            due_at=now + PUBLISH_WITHIN_MS,
            attempts=0,
            created_at=now,
            finished_at=None,
            sender=sender,
            recipient=recipient,
            subject=subject,
            text=text,
        )
        self._accepts.submit(mail)
        return mail

    def claim(self, mail_id: str, lease_s: float) -> Claim | None:
        """Claim a mail for sending; None if it is not waiting for that, or somebody else was first."""
        return self._claims.submit((mail_id, self._clock() + int(lease_s * 1000)))

    def finish(self, finish: Finish) -> bool:
        """Write down what became of a claim; False if the claim was no longer worth anything."""
        return self._finishes.submit((finish, self._clock()))

    def renew(self, claims: Iterable[Claim], lease_s: float) -> None:
        """Move the end of the leases of claims that are being worked on."""
        ends_at = self._clock() + int(lease_s * 1000)
        renewals = [{"of": claim.mail.id, "claim": claim.number} for claim in claims]
        if not renewals:
            return
        statement = (
            update(mails)
            .where(mails.c.id == bindparam("of"), mails.c.state == State.SENDING, mails.c.claims == bindparam("claim"))
            .values(due_at=ends_at)
        )
        with transaction(self._database.recording) as connection:
            connection.execute(statement, renewals)

    def take_due(self, most: int) -> tuple[list[str], list[str]]:
        """Take mails that are due, the longest due first, and mark them queued.

        Who takes them has `PUBLISH_WITHIN_MS` to publish them.

        Args:
            most: how many to take at the most.

        Returns:
            The ids that must be published, and those that the broker confirmed once and that are due only because no
            worker has claimed them since: they may still lie in its queue.
        """
        now = self._clock()
        with transaction(self._database.recording) as connection:
            due = connection.execute(_DUE, {"now": now, "most": most}).all()
            waiting = [row.id for row in due if row.state == State.QUEUED and row.published_at is not None]
            publish = [row.id for row in due if row.state != State.QUEUED or row.published_at is None]
            connection.execute(_POSTPONE, {"ids": waiting, "until": now + PUBLISH_WITHIN_MS})
            connection.execute(_QUEUE, {"ids": publish, "until": now + PUBLISH_WITHIN_MS})
        return publish, waiting

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

    def read(self, mail_id: str) -> Mail | None:
        with transaction(self._database.reading) as connection:
            row = connection.execute(select(*_MAIL_COLUMNS).where(mails.c.id == mail_id)).one_or_none()
        return _mail(row) if row else None

    def attempts(self, mail_id: str) -> list[Attempt]:
        """What was tried for a mail, the first try first."""
        columns = [attempts.c[name] for name in Attempt.__dataclass_fields__]
        with transaction(self._database.reading) as connection:
            rows = connection.execute(select(*columns).where(attempts.c.mail_id == mail_id).order_by(attempts.c.id))
            return [Attempt(**{**row, "outcome": Outcome(row["outcome"])}) for row in rows.mappings()]

    def list(
        self, *, state: State | None = None, recipient: str | None = None, before: str | None = None, limit: int = 50
    ) -> Sequence[Mail]:
        """List mails, the newest first.

        Args:
            state: only those in it.
            recipient: only those to it.
            before: only those older than the mail with this id: the last of one page asks for the next.
            limit: how many at the most.
        """
        query = select(*_MAIL_COLUMNS).order_by(desc(mails.c.id)).limit(limit)
        if state is not None:
            query = query.where(mails.c.state == state)
        if recipient is not None:
            query = query.where(mails.c.recipient == recipient)
        if before is not None:
            query = query.where(mails.c.id < before)
        with transaction(self._database.reading) as connection:
            return [_mail(row) for row in connection.execute(query)]

    def check(self) -> None:
        """Find out whether the database answers."""
        with transaction(self._database.reading) as connection:
            connection.execute(text("SELECT 1 FROM mails LIMIT 1")).all()


def _accept(connection: Connection, batch: Sequence[Mail]) -> Sequence[None]:
    connection.execute(
        _INSERT,
        [
            {
                "id": mail.id,
                "state": mail.state.value,
                "due_at": mail.due_at,
                "attempts": mail.attempts,
                "claims": 0,
                "created_at": mail.created_at,
                "sender": mail.sender,
                "recipient": mail.recipient,
                "subject": mail.subject,
                "text": mail.text,
            }
            for mail in batch
        ],
    )
    return [None] * len(batch)


def _claim(connection: Connection, batch: Sequence[tuple[str, int]]) -> Sequence[Claim | None]:
    lease_ends_at = max(ends_at for _, ends_at in batch)
    rows = connection.execute(_CLAIM, {"ids": [mail_id for mail_id, _ in batch], "lease_ends_at": lease_ends_at})
    claims = {row.id: Claim(_mail(row), row.claims) for row in rows}
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
        connection.execute(insert_into(attempts), tried)
    return written


_ATTEMPT_FIELDS = tuple(Attempt.__dataclass_fields__)


def _mail(row: Row[Any]) -> Mail:
    return Mail(
        id=row.id,
        state=State(row.state),
        due_at=row.due_at,
        attempts=row.attempts,
        created_at=row.created_at,
        finished_at=row.finished_at,
        sender=row.sender,
        recipient=row.recipient,
        subject=row.subject,
        text=row.text,
    )
