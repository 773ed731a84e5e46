"""The mails that were put down in a Maildir instead of being sent, for who wants to read them."""

import contextlib
import heapq
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from pathlib import Path
from typing import Final

#: When a file was put down, in its name: seconds, and millionths of one (https://cr.yp.to/proto/maildir.html).
_WHEN: Final = re.compile(r"(\d{1,12})\.(?:\D*M(\d{1,6}))?")

#: A header is in the first so many bytes of a file; of a longer one the rest is not shown in a list.
_MOST_HEADER: Final = 65_536


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
        found = heapq.nlargest(limit + 1, self._files(), key=_put_down)
        letters = [letter for name, path in found[:limit] if (letter := _read_header(name, path))]
        return letters, len(found) > limit

    def find(self, name: str) -> Letter | None:
        """One mail with all that it says; None if there is none of this name."""
        path = next((path for found, path in self._files() if found == name), None)
        return _read(name, path) if path else None

    def _files(self) -> Iterator[tuple[str, str]]:
        """The name and the path of each mail: each folder is read once, and no file is looked at."""
        for folder in ("new", "cur"):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._folder / folder) as files:
                for file in files:
                    # What begins with a dot is none of a Maildir's mails; behind the colon a reader keeps its marks.
                    if not file.name.startswith(".") and file.is_file():
                        yield file.name.partition(":")[0], file.path


def _put_down(file: tuple[str, str]) -> tuple[int, int]:
    return _when(file[0])


def _read_header(name: str, path: str) -> Letter | None:
    """A mail without what it says; None if it was taken away just now."""
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(_MOST_HEADER)
    except FileNotFoundError:
        return None
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(start, headersonly=True)
    return _letter(name, size, message)


def _read(name: str, path: str) -> Letter | None:
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return None
    message = BytesParser(EmailMessage, policy=policy.default).parsebytes(content)
    text, html = _part(message, "plain"), _part(message, "html")
    attachments = list(_attachments(message))
    return replace(_letter(name, len(content), message), text=text, html=html, attachments=attachments)


def _letter(name: str, size: int, message: EmailMessage) -> Letter:
    seconds, millionths = _when(name)
    return Letter(name, seconds * 1000 + millionths // 1000, size, dict(_fields(message)))


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
