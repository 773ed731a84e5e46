"""Reads what became of one mail, within a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from messaging.outbox.records import Attempt, Mail
from messaging.outbox.rows import ATTEMPT_COLUMNS, MAIL_COLUMNS, attempt_of, mail_of
from messaging.outbox.schema import attempts, confirms, mails


@dataclass(frozen=True, slots=True)
class History:
    """A mail with all that happened to it."""

    mail: Mail
    #: When the broker last confirmed its id, in milliseconds since 1970, UTC; None where it never has.
    published_at: int | None
    #: What was tried, the first try first.
    attempts: Sequence[Attempt]


def read_history(connection: Connection, mail_id: str) -> History | None:
    mail = read_mail(connection, mail_id)
    if mail is None:
        return None
    return History(mail, read_published_at(connection, mail_id), read_attempts(connection, mail_id))


def read_mail(connection: Connection, mail_id: str) -> Mail | None:
    row = connection.execute(select(*MAIL_COLUMNS).where(mails.c.id == mail_id)).one_or_none()
    return mail_of(row) if row else None


def read_attempts(connection: Connection, mail_id: str) -> list[Attempt]:
    query = select(*ATTEMPT_COLUMNS).where(attempts.c.mail_id == mail_id).order_by(attempts.c.id)
    return [attempt_of(row) for row in connection.execute(query)]


def read_published_at(connection: Connection, mail_id: str) -> int | None:
    query = select(confirms.c.confirmed_at).where(confirms.c.mail_id == mail_id)
    return connection.execute(query).scalar_one_or_none()
