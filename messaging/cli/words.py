"""How a mail is told to people, out of its document."""

from messaging.cli.service import Document


def accepted_words(mail: Document) -> str:
    """The id, for whom it is, and why it has to wait, if it has to."""
    remark = f" ({mail['remark']})" if mail.get("remark") else ""
    return f"{mail['id']} accepted for {mail['to']}{remark}"


def state_words(mail: Document) -> str:
    """The state, since when or until when, and the relay's last words."""
    words = str(mail["state"])
    if mail.get("finished_at"):
        words += f" at {mail['finished_at']}"
    elif mail.get("due_at") and mail["state"] in ("retrying", "scheduled"):
        words += f" until {mail['due_at']}"
    if last := last_words(mail):
        words += f", {last}"
    return f"{words} ({mail['remark']})" if mail.get("remark") else words


def last_words(mail: Document) -> str:
    """What came of the last attempt; empty if there was none."""
    attempts = mail.get("attempts")
    last = attempts[-1] if isinstance(attempts, list) and attempts else mail.get("last_attempt")
    return f"attempt {last['number']}: {reply_words(last)}" if last else ""


def reply_words(attempt: Document) -> str:
    return f"{attempt['code']} {attempt['reply']}" if attempt["code"] else str(attempt["reply"])
