"""Composes what a mail with HTML or attachments consists of (RFC 2046), by the standard library."""

from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from messaging.outbox.records import Attachment, Extras, Mail
from workers.encoding import encoded

#: Seven bits: relays that never offered 8BITMIME have to take it, too.
_POLICY: Final = SMTP.clone(cte_type="7bit")


def compose_parts(mail: Mail, extras: Extras) -> bytes:
    """The header fields about the content, the blank line, and the content; the same bytes at every attempt."""
    texts = [_text("plain", mail.text)] if mail.text or extras.html is None else []
    if extras.html is not None:
        texts.append(_text("html", extras.html))
    # RFC 2046, section 5.1.4: the last one is the best.
    content = texts[0] if len(texts) == 1 else _multipart("alternative", texts, mail.id)
    if extras.attachments:
        content = _multipart("mixed", [content, *map(_attachment, extras.attachments)], mail.id)
    content["MIME-Version"] = "1.0"
    return content.as_bytes()


def _text(subtype: str, text: str) -> EmailMessage:
    encoding, body = encoded(text)
    part = EmailMessage(_POLICY)
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = encoding
    part.set_payload(body.decode("ascii"))
    return part


def _attachment(attachment: Attachment) -> EmailMessage:
    part = EmailMessage(_POLICY)
    main, _, sub = attachment.type.partition("/")
    part.set_content(attachment.content, main, sub, cte="base64", disposition="attachment", filename=attachment.name)
    del part["MIME-Version"]
    return part


def _multipart(subtype: str, parts: list[EmailMessage], mail_id: str) -> EmailMessage:
    whole = EmailMessage(_POLICY)
    # Nobody knows the id before the mail is accepted, so that no text can have this line in it.
    whole["Content-Type"] = f'multipart/{subtype}; boundary="=_{subtype}_{mail_id}"'
    for part in parts:
        whole.attach(part)
    return whole
