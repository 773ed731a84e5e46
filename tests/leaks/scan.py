"""Looks through the files that programs under test wrote for addresses, keys, links and secrets of the tests."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

#: What may stand before an address's "@", from its first character on: who began at each of them would take the square
#: of the time for a long word.
_BEFORE_AT: Final = rb"(?<![%b])[%b]+" % ((rb"\w!#$%&'+/=?^`{|}~.\x80-\xff-",) * 2)

#: What tests use as such, told by its form: people have addresses below "example" (RFC 2606), passwords are "hunter"
#: and a number, idempotency keys "order-" and a number, and the others have a form of their own: the database's secret,
#: and a key's digest, are 256 bits in hexadecimal digits. What is masked, `m***@example.com`, is none.
SECRETS: Final = {
    "an address": re.compile(_BEFORE_AT + rb"(?:@|%40)(?:[\w\x80-\xff-]+\.)*example\b"),
    "a key": re.compile(rb"msg_[\w-]{20,}"),
    "a link": re.compile(rb"\blink=[\w.-]{20,}|(?<![\w-])[\w-]{20,}\.[\w-]{64}(?![\w-])"),
    "a database's secret": re.compile(rb"(?<![0-9A-Fa-f])[0-9a-f]{64}(?![0-9A-Fa-f])"),
    "an idempotency key": re.compile(rb"\border-\d"),
    "a password": re.compile(rb"hunter\d|://[^/\s:@]*:[^/\s@]+(?<!\*{3})@"),
}

#: Files that are not looked at, by their path below the folder: where mails are, and what tests write as operators do.
MAY_HOLD_THEM: Final = re.compile(
    r"""\.db(?:-wal|-shm)?$                  # the outbox
      | /mailbox[^/]*/(?:new|cur|tmp)/[^/]+$ # the Maildir
      | /arrivals$                           # what the benchmark's relay saw
      | /\.env$
      | /recipes/                            # what docs/recipes.md has operators write
      | /a-run-of-tests/                     # what test_plugin.py has an inner run write
      | /password$                           # what EMAIL_PASSWORD_FILE and
      | /url$                                # SMTP_URL_FILE name
    """,
    re.VERBOSE,
)

#: Lines that may stand anywhere: what the service proposes to newcomers, the link with their first key among it.
PROPOSED: Final = re.compile(rb"^(?:[^|\n]*\|)? +(?:curl '.*|http://[\w.:\[\]]+/#key=msg_[\w-]+)$", re.MULTILINE)

#: Characters before and after what was found that are shown with it.
_AROUND: Final = 60


class Leak(NamedTuple):
    """Something that must not be where it is."""

    file: Path
    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}: …{self.where}…"


def leaks(folder: Path) -> Iterator[Leak]:
    """Find what must not be in the files below a folder."""
    for place, _, names in os.walk(folder):
        for name in names:
            file = Path(place, name)
            below = f"/{file.relative_to(folder)}"
            if file.is_file() and not file.is_symlink() and not MAY_HOLD_THEM.search(below):
                yield from _leaks_of(file)


def _leaks_of(file: Path) -> Iterator[Leak]:
    text = PROPOSED.sub(b"", file.read_bytes())
    for what, form in SECRETS.items():
        # One of a kind is enough to fail, and as much as anybody reads.
        if found := form.search(text):
            around = text[max(0, found.start() - _AROUND) : found.end() + _AROUND]
            yield Leak(file, what, around.decode(errors="replace").replace("\n", "⏎"))
