"""Postfix's smtp-sink: takes any number of mails, fast, each into a file of its own."""

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from stack import child
from stack.ports import free_port
from tests.fixtures.waiting import PATIENCE_S, until
from tests.servers.ports import until_listening

#: The user that smtp-sink becomes; it does not run as root.
_NOBODY: Final = "nobody"
_BACKLOG: Final = "1000"

#: smtp-sink writes what it was told in the envelope above the mail's own header fields.
_SENDER: Final = re.compile(rb"^X-Mail-Args: <([^>]*)>", re.MULTILINE)
_RECIPIENT: Final = re.compile(rb"^X-Rcpt-Args: <([^>]*)>", re.MULTILINE)
_LAST_OF_ITS_OWN: Final = re.compile(rb"^Received: .*\n(?:[ \t].*\n)*", re.MULTILINE)


@dataclass(frozen=True)
class SunkMail:
    """One mail as smtp-sink wrote it down."""

    sender: str
    recipients: tuple[str, ...]
    #: As it came, with bare newlines.
    content: bytes


class SmtpSink:
    """A running smtp-sink, in a `with` statement.

    Args:
        options: more of its own, such as `-w`, `1` for a second before each answer to DATA.
    """

    def __init__(self, *options: str) -> None:
        self._options = options
        self._port = 0
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """What `SMTP_URL` has to be."""
        return f"smtp://{self.address}?tls=none"

    def __enter__(self) -> Self:
        program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec/postfix")
        assert program, "smtp-sink is not on this machine"
        self._port = self._port or free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="sink-"))  # not pytest's: those are closed to other users
        become: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self._folder, _NOBODY)
            become = ["-u", _NOBODY]
        command = [program, *become, *self._options, "-d", f"{self._folder}/mail.", self.address, _BACKLOG]
        self._process = child.start(command, output=self._folder / "log")
        until_listening(self.address)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            child.end(self._process)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    def count(self) -> int:
        """How many mails lie there; the last may still be under way."""
        return len(self._files())

    def mails(self) -> list[SunkMail]:
        """All mails that came in whole."""
        return [mail for file in self._files() if (mail := _parse(file.read_bytes()))]

    def recipients(self) -> list[str]:
        """The recipients of all of them, one entry for each mail that one got."""
        return [recipient for mail in self.mails() for recipient in mail.recipients]

    def wait_for(self, count: int, within_s: float = PATIENCE_S) -> list[SunkMail]:
        """Return the mails as soon as there are so many."""
        until(lambda: self.count() >= count and len(self.mails()) >= count, within_s)
        return self.mails()

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("mail.*")) if self._folder else []


def _parse(written: bytes) -> SunkMail | None:
    sender, own = _SENDER.search(written), _LAST_OF_ITS_OWN.search(written)
    # smtp-sink ends each file with an empty line, once the mail is there.
    if sender is None or own is None or not written.endswith(b"\n\n"):
        return None
    recipients = tuple(found.decode() for found in _RECIPIENT.findall(written[: own.start()]))
    return SunkMail(sender[1].decode(), recipients, written[own.end() : -1])
