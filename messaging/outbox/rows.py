"""Turns rows of the mails table into records."""

from typing import Any

from sqlalchemy import Row

from messaging.outbox.records import Mail
from messaging.outbox.schema import mails
from messaging.outbox.states import State

MAIL_COLUMNS = [mails.c[name] for name in Mail.__dataclass_fields__]


def mail_of(row: Row[Any]) -> Mail:
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
        test=row.test,
    )
