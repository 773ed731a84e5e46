"""How a mail is shown: as a JSON document and as one line of text."""

from collections.abc import Mapping, Sequence
from typing import Any

from config.masking import mask
from messaging.order import Sent
from messaging.outbox.records import Attempt, Mail
from messaging.repeats import REPLAYED
from messaging.replies import Headers
from messaging.timestamps import optional_timestamp, timestamp


def status_url(mail: Mail) -> str:
    return f"/v1/emails/{mail.id}"


def accepted_headers(sent: Sent) -> Headers:
    return [("Location", status_url(sent.mail)), *([REPLAYED] if sent.replayed else [])]


def accepted_document(sent: Sent, remark: str) -> dict[str, Any]:
    """What the sender of a mail is told.

    Args:
        sent: the mail as it was accepted.
        remark: what stands between it and its being sent; empty if nothing does.
    """
    mail = sent.mail
    return {
        "id": mail.id,
        "state": mail.state,
        "to": mail.recipient,
        "created_at": timestamp(mail.created_at),
        "status_url": status_url(mail),
        **_marks(mail),
        **({"repeated": True} if sent.repeated else {}),
        **({"remark": remark} if remark else {}),
    }


def accepted_line(sent: Sent, remark: str) -> str:
    mail = sent.mail
    words = "accepted before, and not sent again," if sent.repeated else "accepted"
    test = " as a test, not for the relay" if mail.test else ""
    return f"{words} for {mail.recipient}{test}, status: {status_url(mail)}{aside(remark)}"


def public_document(mail: Mail, published_at: int | None, remark: str) -> dict[str, Any]:
    """What a stranger who knows the id may see: the state, the times, and why it waits."""
    return {
        "id": mail.id,
        "state": mail.state,
        "final": mail.final,
        "to": mask(mail.recipient),
        "created_at": timestamp(mail.created_at),
        "published_at": optional_timestamp(published_at),
        "due_at": optional_timestamp(mail.due_at),
        "finished_at": optional_timestamp(mail.finished_at),
        "status_url": status_url(mail),
        **_marks(mail),
        **({"remark": remark} if remark and not mail.final else {}),
    }


def full_document(mail: Mail, published_at: int | None, attempts: Sequence[Attempt], remark: str) -> dict[str, Any]:
    """What a caller with a key may see."""
    return {
        **public_document(mail, published_at, remark),
        "to": mail.recipient,
        "from": mail.sender,
        "subject": mail.subject,
        "attempts": [_attempt_document(attempt) for attempt in attempts],
    }


def summary_document(mail: Mail, last: Attempt | None) -> dict[str, Any]:
    """A mail in a list.

    Args:
        mail: the mail.
        last: what was tried last; None if nothing was.
    """
    return {
        "id": mail.id,
        "state": mail.state,
        "final": mail.final,
        "to": mail.recipient,
        "subject": mail.subject,
        "created_at": timestamp(mail.created_at),
        "due_at": optional_timestamp(mail.due_at),
        "finished_at": optional_timestamp(mail.finished_at),
        "attempts": mail.attempts,
        "last_attempt": _attempt_document(last) if last else None,
        "status_url": status_url(mail),
        **_marks(mail),
    }


def page_document(mails: Sequence[Mail], last_attempts: Mapping[str, Attempt], following: str | None) -> dict[str, Any]:
    """Some mails, and where more are; None if there are no more."""
    return {"emails": [summary_document(mail, last_attempts.get(mail.id)) for mail in mails], "next": following}


def status_line(mail: Mail, attempts: Sequence[Attempt] = (), remark: str = "") -> str:
    """The state, since when or until when, and the relay's last words where the caller may see them."""
    words = [mail.state.value]
    if mail.finished_at is not None:
        words.append(f"at {timestamp(mail.finished_at)}")
    elif mail.due_at is not None and mail.state in ("retrying", "scheduled"):
        words.append(f"until {timestamp(mail.due_at)}")
    line = " ".join(words)
    if attempts:
        last = attempts[-1]
        line += f", attempt {last.number}: {f'{last.code} ' if last.code else ''}{last.reply}"
    return line if mail.final else line + aside(remark)


def aside(remark: str) -> str:
    """A remark as the end of a line; nothing where there is none."""
    return f" ({remark})" if remark else ""


def _attempt_document(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "started_at": timestamp(attempt.started_at),
        "connect_ms": attempt.connect_ms,
        "transfer_ms": attempt.transfer_ms,
        "outcome": attempt.outcome,
        "code": attempt.code,
        "reply": attempt.reply,
    }


def _marks(mail: Mail) -> dict[str, Any]:
    return {"test": True} if mail.test else {}
