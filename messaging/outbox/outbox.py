"""The outbox as clients see it: accepts mails and says what became of them."""

import sys
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, desc, select, text

from messaging.outbox.accepting import NO_TERMS, Terms, Wish, accept
from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.errors import TermsError
from messaging.outbox.group_commit import GroupCommit
from messaging.outbox.ids import new_id
from messaging.outbox.records import Accepted, Attempt, Mail, Outcome
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
        most_accepts: how many mails may be accepted at the same time while the database is slow.
    """

    def __init__(
        self, database: Database, clock: Callable[[], int] = clock_ms, *, most_accepts: int = sys.maxsize
    ) -> None:
        self._database = database
        self._clock = clock
        self._accepts = GroupCommit(database.accepting, self._accept, patience_s=PATIENCE_S, most=most_accepts)

    def accept(
        self, *, sender: str, recipient: str, subject: str, text: str, test: bool = False, terms: Terms = NO_TERMS
    ) -> Accepted:
        """Store a mail that is to be sent at once; when this returns it is on the disk.

        Raises:
            LimitReachedError, OtherContentError: if its terms forbid it.
        """
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
            test=test,
        )
        result = self._accepts.submit((mail, terms))
        if isinstance(result, TermsError):
            raise result
        return result

    def _accept(self, connection: Connection, wishes: Sequence[Wish]) -> Sequence[Accepted | TermsError]:
        # The time in the transaction, since one comes after the other there: who waited must not be from before.
        return accept(connection, wishes, self._clock())

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
