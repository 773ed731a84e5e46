"""The outbox as clients see it: accepts mails and says what became of them."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, select, text

from messaging.outbox.accepting import NO_TERMS, Terms, Wanted, Wish, accept, accept_together
from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.enclosing import read_extras
from messaging.outbox.errors import TermsError
from messaging.outbox.group_commit import GroupCommit
from messaging.outbox.history import read_attempts, read_mail, read_published_at
from messaging.outbox.ids import new_id
from messaging.outbox.records import NO_EXTRAS, Accepted, Attempt, Extras, Mail
from messaging.outbox.repeats import Once
from messaging.outbox.schema import IS_AMONG, mails
from messaging.outbox.states import State

#: How long the one who accepted a mail has to publish it, in milliseconds: after that a dispatcher does.
PUBLISH_WITHIN_MS: Final = 5_000

_FINISHED: Final = select(mails.c.id).where(IS_AMONG, mails.c.due_at.is_(None))


class Outbox:
    """Stores mails and reads them, each in one short transaction.

    Every method raises `OutboxUnavailableError` where the database is away; nothing was written then.

    Args:
        database: where the mails are.
        clock: tells the time in milliseconds since 1970, UTC.
        most_accepts: how many mails may be accepted at the same time while the database is slow.
        publish_within_ms: how long who accepts a mail has to publish it; 0 for who does not, so that a dispatcher
            does so at its next look.
        patience_s: while storing the mails before takes longer than this, in seconds, others are not accepted: who
            wants to send one hears so at once.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], int] = clock_ms,
        *,
        most_accepts: int = sys.maxsize,
        patience_s: float = 1.0,
        publish_within_ms: int = PUBLISH_WITHIN_MS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._publish_within_ms = publish_within_ms
        self._accepts = GroupCommit(database.accepting, self._accept, patience_s=patience_s, most=most_accepts)
        self._batches = GroupCommit(
            database.accepting, self._accept_batches, limit=1, patience_s=patience_s, most=most_accepts
        )

    def accept(
        self,
        *,
        sender: str,
        recipient: str,
        subject: str,
        text: str,
        test: bool = False,
        terms: Terms = NO_TERMS,
        extras: Extras = NO_EXTRAS,
    ) -> Accepted:
        """Store a mail that is to be sent at once; when this returns it is on the disk.

        Raises:
            LimitReachedError, OtherContentError: if its terms forbid it.
        """
        wanted = Wanted(sender, recipient, subject, text, test, terms, extras)
        result = self._accepts.submit(self._wish(self._clock(), wanted))
        if isinstance(result, TermsError):
            raise result
        return result

    def accept_all(self, wanted: Sequence[Wanted], once: Once | None = None) -> Sequence[Accepted | TermsError]:
        """Store mails that are to be sent at once, all in one transaction.

        Args:
            wanted: the mails.
            once: says which request it is; None if that makes no difference.

        Returns:
            What became of each.
        """
        now = self._clock()
        return self._batches.submit(([self._wish(now, each) for each in wanted], once))

    def _accept(self, connection: Connection, wishes: Sequence[Wish]) -> Sequence[Accepted | TermsError]:
        # The time in the transaction, since one comes after the other there: who waited must not be from before.
        return accept(connection, wishes, self._clock())

    def _accept_batches(
        self, connection: Connection, batches: Sequence[tuple[Sequence[Wish], Once | None]]
    ) -> Sequence[Sequence[Accepted | TermsError]]:
        return [accept_together(connection, wishes, once, self._clock()) for wishes, once in batches]

    def read(self, mail_id: str) -> Mail | None:
        with transaction(self._database.reading) as connection:
            return read_mail(connection, mail_id)

    def extras(self, mail: Mail) -> Extras:
        """What a mail has beside its text."""
        if not mail.rich:
            return NO_EXTRAS
        with transaction(self._database.reading) as connection:
            return read_extras(connection, [mail.id]).get(mail.id, NO_EXTRAS)

    def finished(self, mail_ids: Sequence[str]) -> set[str]:
        """Which of some mails are in a final state."""
        with transaction(self._database.reading) as connection:
            return set(connection.execute(_FINISHED, {"ids": json.dumps(mail_ids)}).scalars())

    def attempts(self, mail_id: str) -> list[Attempt]:
        """What was tried for a mail, the first try first."""
        with transaction(self._database.reading) as connection:
            return read_attempts(connection, mail_id)

    def published_at(self, mail_id: str) -> int | None:
        """When the broker last confirmed a mail's id, in milliseconds since 1970, UTC.

        None where it never has, and up to a second after it has.
        """
        with transaction(self._database.reading) as connection:
            return read_published_at(connection, mail_id)

    def check(self) -> None:
        """Find out whether the database takes what is written: one that is full, or read-only, still answers."""
        with transaction(self._database.recording) as connection:
            connection.execute(text("UPDATE schema_version SET version = version"))

    def _wish(self, now: int, wanted: Wanted) -> Wish:
        mail = Mail(
            id=new_id(now),
            state=State.QUEUED,
            due_at=now + self._publish_within_ms,
            attempts=0,
            created_at=now,
            finished_at=None,
            sender=wanted.sender,
            recipient=wanted.recipient,
            subject=wanted.subject,
            text=wanted.text,
            test=wanted.test,
            rich=wanted.extras is not NO_EXTRAS,
        )
        return mail, wanted.terms, wanted.extras
