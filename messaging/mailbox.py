"""The mails that were put down in a Maildir instead of being sent, for who wants to read them."""

import contextlib
import heapq
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from messaging.letter import Letter, read_fields, with_content

#: When a file was put down, in its name: seconds, and millionths of one (https://cr.yp.to/proto/maildir.html).
_WHEN: Final = re.compile(r"(\d{1,12})\.(?:\D*M(\d{1,6}))?")

#: A header is in the first so many bytes of a file; of a longer one the rest is not shown in a list.
_MOST_HEADER: Final = 65_536

#: The last second of the year 9999, in milliseconds: no date is later, and a name may say more.
_LAST_MS: Final = 253_402_300_799_000

#: Half a character: what stands for a byte of a name that is no UTF-8.
_HALF: Final = re.compile("[\ud800-\udfff]")


class Mailbox:
    """Reads a Maildir; nothing in it is changed.

    Args:
        folder: where it is; it need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self, limit: int, before: str | None = None) -> tuple[Sequence[Letter], str | None]:
        """The mails that were put down last, the newest first, without what they say.

        Args:
            limit: how many at the most.
            before: only those that come after the one of this name, which may be gone.

        Returns:
            The mails, and the name to go on from; None if there are no more.
        """
        files = self._files()
        if before is not None:
            bound = _place((before, ""))
            files = (file for file in files if _place(file) < bound)
        found = heapq.nlargest(limit + 1, files, key=_place)
        letters = [letter for name, path in found[:limit] if (letter := _read_header(name, path))]
        return letters, found[limit - 1][0] if len(found) > limit else None

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
                    name = file.name.partition(":")[0]
                    if name and not name.startswith(".") and file.is_file():
                        yield _HALF.sub("\N{REPLACEMENT CHARACTER}", name), file.path


def _place(file: tuple[str, str]) -> tuple[tuple[int, int], str]:
    """What the order of files goes by: the time, and of one moment the name."""
    return _when(file[0]), file[0]


def _read_header(name: str, path: str) -> Letter | None:
    """A mail without what it says; None if it cannot be read, such as one that was taken away just now."""
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(_MOST_HEADER)
    except OSError:
        return None
    return Letter(name, _put_down_at(name), size, read_fields(start))


def _read(name: str, path: str) -> Letter | None:
    try:
        content = Path(path).read_bytes()
    except OSError:
        return None
    return with_content(Letter(name, _put_down_at(name), len(content), read_fields(content)), content)


def _put_down_at(name: str) -> int:
    seconds, millionths = _when(name)
    return min(seconds * 1000 + millionths // 1000, _LAST_MS)


def _when(name: str) -> tuple[int, int]:
    """The time in a name, in seconds and millionths; other programs may put down files of any name."""
    found = _WHEN.match(name)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)
