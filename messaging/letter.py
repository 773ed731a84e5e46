"""Reads a file as a mail, as far as it is one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from typing import Final

#: This one understands all of a mail, and trips over some that others made wrong.
_PARSER: Final = BytesParser(EmailMessage, policy=policy.default)

#: This one understands little, and takes anything.
_PATIENT_PARSER: Final = BytesParser(policy=policy.compat32)


_SHOWN: Final = ("From", "To", "Subject", "Reply-To")

#: Characters of addresses that are read as such: the library takes time with their square, 40 s for 60,000 quotes.
_MOST_ADDRESSES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail as its receiver gets it; a header field that is missing is empty."""

    #: The name of its file, unique for ever.
    id: str
    #: Milliseconds since 1970, UTC.
    put_down_at: int
    size: int
    fields: Mapping[str, str]
    text: str = ""
    html: str = ""
    #: Names and sizes in bytes.
    attachments: Sequence[tuple[str, int]] = ()


def read_fields(start: bytes) -> Mapping[str, str]:
    """The header fields that are shown, out of a file's first bytes."""
    header = _PATIENT_PARSER.parsebytes(start, headersonly=True)
    return {name.lower().replace("-", "_"): _field(header, name) for name in _SHOWN}


def with_content(letter: Letter, file: bytes) -> Letter:
    """Add what a mail says; where that cannot be told apart, it is all text."""
    try:
        message = _PARSER.parsebytes(file)
        text, html = _part(message, "plain"), _part(message, "html")
        return replace(letter, text=text, html=html, attachments=list(_attachments(message)))
    except Exception:  # of the library's; parts within parts within parts end its stack, for one
        content = _content(_PATIENT_PARSER.parsebytes(file, headersonly=True))
        return replace(letter, text=content.decode("utf-8", "replace"))


def _field(header: Message, name: str) -> str:
    raw = next((value for given, value in header.raw_items() if given.lower() == name.lower()), "")
    if name != "Subject" and len(raw) > _MOST_ADDRESSES:
        return _as_it_stands(raw)
    try:
        return str(policy.default.header_fetch_parse(name, raw))
    except Exception:  # some addresses that are none, such as `a@[`: then as it stands there
        return _as_it_stands(raw)


def _as_it_stands(raw: str) -> str:
    return " ".join(raw.split())


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return _content(part).decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):  # it names an encoding that nobody knows, or that is none of texts
        return _content(part).decode("utf-8", "replace")


def _attachments(message: EmailMessage) -> Iterator[tuple[str, int]]:
    for part in message.iter_attachments():
        yield part.get_filename() or "", len(_content(part))


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
