"""Composes the message of a mail: a function of its row, the same bytes at every attempt."""

from dataclasses import dataclass
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final

from messaging.outbox.records import Mail

#: Parts are encoded so that every relay can take them, also one that never offered 8BITMIME.
_POLICY: Final = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Composed:
    """A message and its envelope: who it is from and whom it is for, whatever its header says."""

    sender: str
    recipient: str
    #: RFC 5322, lines ended by CRLF, seven bits.
    content: bytes


def compose(mail: Mail) -> Composed:
    """Compose a mail; `Message-ID` and `Date` come from its row, so that receivers can fold a duplicate."""
    sender, recipient = Address(addr_spec=mail.sender), Address(addr_spec=mail.recipient)
    message = EmailMessage(_POLICY)
    message["From"] = sender
    message["To"] = recipient
    message["Date"] = formatdate(mail.created_at / 1000)
    message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    # RFC 3834, section 5: keeps vacation notices and the like from answering.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return Composed(mail.sender, mail.recipient, _subject_field(mail.subject) + message.as_bytes())


def _subject_field(subject: str) -> bytes:
    """The header field of a subject, which is read back exactly as it is.

    `EmailMessage` would fold it, and loses and adds spaces around encoded words (Python 3.11).
    """
    plain = subject.isascii() and subject.isprintable() and subject == subject.strip() and "=?" not in subject
    # RFC 5322, section 2.1.1: a line has at most 998 characters; one of ASCII needs no folding below that.
    words = subject if plain else Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
    return f"Subject: {words}\r\n".encode("ascii")
