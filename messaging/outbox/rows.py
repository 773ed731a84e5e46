"""Turns rows into records."""

from typing import Any

from sqlalchemy import Row

from messaging.outbox.records import Attempt, Mail, Outcome
from messaging.outbox.schema import attempts, mails
from messaging.outbox.states import State

MAIL_COLUMNS = [mails.c[name] for name in Mail.__dataclass_fields__]

ATTEMPT_COLUMNS = [attempts.c[name] for name in Attempt.__dataclass_fields__]


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
        rich=row.rich,
    )


def attempt_of(row: Row[Any]) -> Attempt:
    return Attempt(
        number=row.number,
        started_at=row.started_at,
        connect_ms=row.connect_ms,
        transfer_ms=row.transfer_ms,
        outcome=Outcome(row.outcome),
        code=row.code,
        reply=row.reply,
    )
