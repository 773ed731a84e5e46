"""Puts mails down in a Maildir: the default, which needs no relay."""

import mailbox
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from workers.composing import Composed
from workers.errors import LeaseEndedError, RelayError
from workers.transports.transport import Receipt, always


class MaildirTransport:
    """Writes each mail to a file of its own, synced to the disk.

    Args:
        path: the Maildir; made at the first mail.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._maildir: mailbox.Maildir | None = None
        # The standard library makes unique names with a counter that is not safe between threads.
        self._lock = threading.Lock()

    def deliver(self, mail: Composed, is_ours: Callable[[], bool] = always) -> Receipt:
        began = time.monotonic()
        if not is_ours():
            raise LeaseEndedError
        try:
            with self._lock:
                name = self._add(mail.content.replace(b"\r\n", b"\n"))
        except (OSError, mailbox.Error) as error:
            raise RelayError(f"the Maildir {self._path} cannot be written: {error}") from error
        return Receipt(0, int((time.monotonic() - began) * 1000), None, f"written to {self._path}/new/{name}")

    def check(self) -> None:
        """Find out whether mails can be put down; makes nothing that stays.

        Raises:
            RelayError: if they cannot.
        """
        folder = self._path / "tmp"
        try:
            while not folder.exists():  # then it would be made
                folder = folder.parent
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise RelayError(f"the Maildir {self._path} cannot be written: {error}") from error

    def tidy(self) -> None:
        """Do nothing: nothing is kept."""

    def interrupt(self) -> None:
        """Do nothing: a file is written at once."""

    def abort(self) -> None:
        """Do nothing: a file is written at once."""

    def close(self) -> None:
        """Do nothing: nothing is kept."""

    def _add(self, content: bytes) -> str:
        # (An empty Maildir is false, and finding out whether it is reads all of it.)
        maildir = self._make() if self._maildir is None else self._maildir
        self._maildir = None  # it may be gone, and adding fail: then the next mail makes it again
        name = maildir.add(content)
        self._maildir = maildir
        return name

    def _make(self) -> mailbox.Maildir:
        self._path.mkdir(0o700, parents=True, exist_ok=True)
        for folder in ("tmp", "new", "cur"):
            # The library makes them only where it makes the Maildir, not in a folder that is there already.
            (self._path / folder).mkdir(0o700, exist_ok=True)
        return mailbox.Maildir(self._path)
