"""The mails that were put down in a Maildir instead of being sent, for who wants to read them."""

import mailbox
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from pathlib import Path
from typing import Final

#: When a file was put down, in its name: seconds, and millionths of one (https://cr.yp.to/proto/maildir.html).
_WHEN: Final = re.compile(r"(\d{1,12})\.(?:\D*M(\d{1,6}))?")


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


class Mailbox:
    """Reads a Maildir; nothing in it is changed.

    Args:
        folder: where it is; it need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, limit: int) -> tuple[Sequence[Letter], bool]:
        """The mails that were put down last, the newest first, without what they say; and whether there are more."""
        names = sorted(self._open().keys(), key=_when, reverse=True) if self._is_there else []
        letters = [letter for name in names[:limit] if (letter := self._read(name, in_full=False))]
        return letters, len(names) > limit

    def find(self, name: str) -> Letter | None:
        """One mail with all that it says; None if there is none of this name."""
        return self._read(name, in_full=True) if self._is_there else None

    @property
    def _is_there(self) -> bool:
        return (self._folder / "new").is_dir() and (self._folder / "cur").is_dir()

    def _open(self) -> mailbox.Maildir:
        return mailbox.Maildir(self._folder, create=False)

    def _read(self, name: str, *, in_full: bool) -> Letter | None:
        try:
            content = self._open().get_bytes(name)
        except (KeyError, FileNotFoundError):  # never there, or taken away just now
            return None
        # Of those in a list only the header is parsed.
        message = BytesParser(EmailMessage, policy=policy.default).parsebytes(content, headersonly=not in_full)
        seconds, millionths = _when(name)
        put_down_at = seconds * 1000 + millionths // 1000
        fields = dict(_fields(message))
        if not in_full:
            return Letter(name, put_down_at, len(content), fields)
        text, html = _part(message, "plain"), _part(message, "html")
        return Letter(name, put_down_at, len(content), fields, text, html, list(_attachments(message)))


def _when(name: str) -> tuple[int, int]:
    """The time in a name, in seconds and millionths; other programs may put down files of any name."""
    found = _WHEN.match(name)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def _fields(message: EmailMessage) -> Iterator[tuple[str, str]]:
    for name in ("From", "To", "Subject", "Reply-To"):
        yield name.lower().replace("-", "_"), str(message.get(name, ""))


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    try:
        return _content(part).decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # it names an encoding that nobody knows
        return _content(part).decode("utf-8", "replace")


def _attachments(message: EmailMessage) -> Iterator[tuple[str, int]]:
    for part in message.iter_attachments():
        yield part.get_filename() or "", len(_content(part))


def _content(part: MIMEPart) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
