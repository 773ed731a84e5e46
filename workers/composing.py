"""Composes the message of a mail: a function of its row, the same bytes at every attempt.

`EmailMessage` parses and folds each field of each mail anew, which costs more than all else on a mail's way. So what
needs no encoding is written as it is, to the same bytes; what needs one is encoded by the standard library.
"""

import re
from dataclasses import dataclass, field
from email.header import Header
from email.headerregistry import Address
from email.policy import SMTP
from email.utils import formatdate
from functools import lru_cache
from typing import Final

from messaging.outbox.records import NO_EXTRAS, Extras, Mail
from workers.encoding import MOST_IN_A_LINE, encoded
from workers.parts import compose_parts

#: RFC 5322, section 3.2.3: `atext` but for the question mark, without which there is no encoded word.
_ATOM: Final = r"[\w!#$%&'*+/=^`{|}~-]+"
_PLAIN_ADDRESS: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_ATOM}(?:\.{_ATOM})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Composed:
    """A message and its envelope: who it is from and whom it is for, whatever its header says."""

    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    #: RFC 5322, lines ended by CRLF, seven bits.
    content: bytes = field(repr=False)


def compose(mail: Mail, extras: Extras = NO_EXTRAS) -> Composed:
    """Compose a mail; `Message-ID` and `Date` come from its row, so that receivers can fold a duplicate."""
    from_field, domain = _sender(mail.sender)
    header = (
        f"{_subject_field(mail.subject)}"
        f"{from_field}"
        f"{_to_field(mail.recipient)}"
        f"{_address_field('Reply-To', extras.reply_to) if extras.reply_to else ''}"
        f"Date: {formatdate(mail.created_at / 1000)}\r\n"
        # Never folded: `EmailMessage` folds a long one into one that is read with a space before it (Python 3.11).
        f"Message-ID: <{mail.id}@{domain}>\r\n"
        # RFC 3834, section 5: keeps vacation notices and the like from answering.
        "Auto-Submitted: auto-generated\r\n"
    )
    plain = extras.html is None and not extras.attachments
    content = _plain(mail.text) if plain else compose_parts(mail, extras)
    return Composed(mail.sender, mail.recipient, header.encode("ascii") + content)


def source(mail: Mail, extras: Extras) -> bytes:
    """A mail as the relay gets it."""
    return compose(mail, extras).content


def _plain(text: str) -> bytes:
    encoding, body = encoded(text)
    header = (
        'Content-Type: text/plain; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n"
        "MIME-Version: 1.0\r\n"
        "\r\n"
    )
    return header.encode("ascii") + body


def _subject_field(subject: str) -> str:
    """The header field of a subject, which is read back exactly as it is.

    `EmailMessage` would fold it, and loses and adds spaces around encoded words (Python 3.11).
    """
    plain = subject.isascii() and subject.isprintable() and subject == subject.strip() and "=?" not in subject
    # RFC 5322, section 2.1.1: a line has at most 998 characters; one of ASCII needs no folding below that.
    words = subject if plain else Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
    return f"Subject: {words}\r\n"


@lru_cache(maxsize=16)
def _sender(address: str) -> tuple[str, str]:
    """The header field and the domain of a sender; there are as many as the operator has set."""
    return _address_field("From", address), Address(addr_spec=address).domain


def _to_field(recipient: str) -> str:
    field = f"To: {recipient}"
    if len(field) <= MOST_IN_A_LINE and _PLAIN_ADDRESS.fullmatch(recipient):
        return f"{field}\r\n"
    return _address_field("To", recipient)


def _address_field(name: str, address: str) -> str:
    """As `EmailMessage` writes it; `Address` raises an error, of many kinds, for what is not one address."""
    field: str = SMTP.fold(*SMTP.header_store_parse(name, Address(addr_spec=address)))
    return field
