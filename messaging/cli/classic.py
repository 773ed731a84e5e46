"""Reads a message as programs hand it to sendmail (RFC 5322, RFC 2045), and makes a mail of it that can be sent.

Who wrote such a message cannot be asked again: what a mail may not have is left out, and no reason to refuse it.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses
from hashlib import sha256
from typing import Any, Final

from config.values import MOST_SUBJECT, is_one_line
from messaging.errors import InvalidError

#: Where the recipients of a message stand in it.
_TO: Final = ("to", "cc", "bcc")

#: Files of one mail, and characters of a file's name: with more it is refused (messaging/enclosures.py).
_MOST_FILES: Final = 20
_MOST_NAME: Final = 100

_ANY_TYPE: Final = "application/octet-stream"
_TYPE: Final = re.compile(
    r"(?!multipart/|message/)[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}", re.ASCII
)
_NOT_IN_A_NAME: Final = re.compile(r'[/\\\x00-\x1f\x7f"]|=\?')

#: What some programs begin with: the separator of mbox, or blank lines.
_BEFORE: Final = re.compile(rb"\A(?:From [^\n]*\n|[ \t]*\r?\n)+")

#: RFC 5322, section 2.1.1 says nothing of it, but sendmail(8) does: a line with nothing but a dot is the end.
_DOT: Final = re.compile(rb"^\.\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Classic:
    """A message that a program wrote."""

    #: Whom it says that it is for, each once: addresses, or names of this machine.
    recipients: Sequence[str] = field(repr=False)
    #: The fields of a mail but for `to`: nobody who gets it is told who else does.
    mail: dict[str, Any] = field(repr=False)
    #: What tells it from all other messages; empty where nothing in it does: a job that says the same each time means
    #: each of them.
    identity: bytes = field(default=b"", repr=False)

    def key_for(self, recipient: str) -> str:
        """The same each time that this message is handed over for this recipient, or empty."""
        return sha256(self.identity + b"\0" + recipient.encode()).hexdigest() if self.identity else ""


def until_dot(message: bytes) -> bytes:
    """What comes before a line that is nothing but a dot."""
    found = _DOT.search(message)
    return message[: found.start()] if found else message


def read_message(message: bytes) -> Classic:
    """Read a message; whatever it is, something comes of it."""
    parsed = message_from_bytes(_BEFORE.sub(b"", message))
    text = html = None
    files: list[dict[str, Any]] = []
    for part in _leaves(parsed):
        inline = part.get_content_disposition() != "attachment" and not part.get_filename()
        if inline and text is None and part.get_content_type() == "text/plain":
            text = _text(part)
        elif inline and html is None and part.get_content_type() == "text/html":
            html = _text(part)
        else:
            files.append(_file(part, len(files) + 1))
    mail: dict[str, Any] = {"subject": _subject(parsed), "text": text or ""}
    if html is not None:
        mail["html"] = html
    if reply_to := _usable(addresses(_fields(parsed, "reply-to"))):
        mail["reply_to"] = reply_to
    if files:
        mail["attachments"] = files[:_MOST_FILES]
    # RFC 5322, sections 3.6.1 and 3.6.4: who tries again hands over the same of both, and nobody else does.
    identity = sha256(message).digest() if parsed["Message-ID"] or parsed["Date"] else b""
    return Classic(addresses(field for name in _TO for field in _fields(parsed, name)), mail, identity)


def addresses(texts: Iterator[str] | Sequence[str]) -> list[str]:
    """The addresses, or local names, in the texts of header fields or arguments, each once."""
    return list(dict.fromkeys(address for _, address in getaddresses(list(texts)) if address))


def _usable(found: Sequence[str]) -> str | None:
    """The first of some addresses, if that is one."""
    if not found:
        return None
    from messaging.addresses import parse_recipient  # dear, and few messages have such a field

    try:
        return parse_recipient(found[0], "reply_to")
    except InvalidError:
        return None


def _leaves(part: "Message[str, str]") -> Iterator["Message[str, str]"]:
    """The parts that are not made of others; a message in a message is one of them."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for each in part.get_payload():
            yield from _leaves(each)  # type: ignore[arg-type]
    else:
        yield part


def _fields(message: "Message[str, str]", name: str) -> list[str]:
    """The values of a header field as they were sent, but for their line ends."""
    raw = [value for each, value in message.raw_items() if each.lower() == name]
    # What is not ASCII comes as lone surrogates.
    sent = [str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace") for value in raw]
    return [re.sub(r"[ \t]*[\r\n]+[ \t]*", " ", value) for value in sent]


def _subject(message: "Message[str, str]") -> str:
    sent = next(iter(_fields(message, "subject")), "").strip()
    try:
        subject = str(make_header(decode_header(sent)))  # RFC 2047
    except (MessageError, LookupError, ValueError):
        subject = sent
    subject = _in_one_line(subject).replace("=?", "= ?")
    return f"{subject[: MOST_SUBJECT - 1]}…" if len(subject) > MOST_SUBJECT else subject or "(no subject)"


def _in_one_line(text: str) -> str:
    return text if is_one_line(text) else "".join(each if is_one_line(each) else " " for each in text)


def _bytes(part: "Message[str, str]") -> bytes:
    if part.is_multipart():  # a message in a message
        inner: Any = part.get_payload(0)
        return bytes(inner.as_bytes())
    content: Any = part.get_payload(decode=True)
    return content or b""


def _text(part: "Message[str, str]") -> str:
    content = _bytes(part)
    try:
        charset = codecs.lookup(part.get_content_charset("utf-8")).name
        # UTF-8 has ASCII in it, and cron, where no locale is set, labels as the one what is the other.
        text = content.decode("utf-8" if charset == "ascii" else charset, "replace")
    except (LookupError, ValueError):
        text = content.decode("utf-8", "replace")
    text = text.encode("utf-8", "replace").decode()  # UTF-7 and others have lone surrogates
    return text.replace("\r\n", "\n").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _file(part: "Message[str, str]", number: int) -> dict[str, Any]:
    kind = part.get_content_type()
    ending = {"text/plain": ".txt", "text/html": ".html", "message/rfc822": ".eml"}.get(kind, "")
    name = _NOT_IN_A_NAME.sub("_", part.get_filename() or "")[-_MOST_NAME:].strip(" .")
    named = name if name.isprintable() and name else f"part-{number}{ending}"
    return {"name": named, "type": kind if _TYPE.fullmatch(kind) else _ANY_TYPE, "content": _bytes(part)}
