"""The outbox as clients see it: accepts mails and says what became of them."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from sqlalchemy import Connection, Dialect, desc, insert, select, text

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.group_commit import GroupCommit
from messaging.outbox.ids import new_id
from messaging.outbox.records import Attempt, Mail, Outcome
from messaging.outbox.rows import MAIL_COLUMNS, mail_of
from messaging.outbox.schema import attempts, mails
from messaging.outbox.states import State

#: How long the one who accepted a mail has to publish it, in milliseconds: after that a dispatcher does.
PUBLISH_WITHIN_MS: Final = 5_000

#: While storing the mails before takes longer than this, in seconds, others are not accepted: who wants to send one
#: hears so at once.
PATIENCE_S: Final = 1.0


class Outbox:
    """Stores mails and reads them, each in one short transaction.

    Every method raises `OutboxUnavailableError` where the database is away; nothing was written then.

    Args:
        database: where the mails are.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._clock = clock
        self._accepts = GroupCommit(database.accepting, _accept, patience_s=PATIENCE_S)

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

    def read(self, mail_id: str) -> Mail | None:
        with transaction(self._database.reading) as connection:
            row = connection.execute(select(*MAIL_COLUMNS).where(mails.c.id == mail_id)).one_or_none()
        return mail_of(row) if row else None

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
        query = select(*MAIL_COLUMNS).order_by(desc(mails.c.id)).limit(limit)
        if state is not None:
            query = query.where(mails.c.state == state)
        if recipient is not None:
            query = query.where(mails.c.recipient == recipient)
        if before is not None:
            query = query.where(mails.c.id < before)
        with transaction(self._database.reading) as connection:
            return [mail_of(row) for row in connection.execute(query)]

    def check(self) -> None:
        """Find out whether the database takes what is written: one that is full, or read-only, still answers."""
        with transaction(self._database.recording) as connection:
            connection.execute(text("UPDATE schema_version SET version = version"))


def _accept(connection: Connection, batch: Sequence[Mail]) -> Sequence[None]:
    statement = _insert(connection.dialect, len(batch))
    values = [getattr(mail, name) for mail in batch for name in Mail.__dataclass_fields__]
    connection.exec_driver_sql(statement, tuple(values))
    return [None] * len(batch)


@lru_cache(maxsize=512)
def _insert(dialect: Dialect, rows: int) -> str:
    """The text of one statement for so many mails.

    The driver lets go of the interpreter's lock for every statement that it runs, and has to wait for it again: of one
    for each mail, a thread that stores 32 of them would mostly wait.
    """
    return str(insert(mails).values([dict.fromkeys(Mail.__dataclass_fields__)] * rows).compile(dialect=dialect))
