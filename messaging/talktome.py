"""The talktome log: one whole line for each request, or an error, never something in between."""

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any, Final

from messaging.errors import UnavailableError

_LOG: Final = logging.getLogger(__name__)


class TalktomeLog:
    """Writes the time of each request into a rotated file, while the client waits.

    Args:
        path: the file; opened at the first line.
        max_bytes: the size at which it is rotated.
        backups: how many rotated files are kept.
    """

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        self.path = path
        self._file = _LineFile(path, max_bytes, backups)

    def write(self, request_id: str) -> str:
        """Write one line and return the time in it: ISO 8601, local, with its offset.

        Raises:
            UnavailableError: if the line is not in the file.
        """
        time = datetime.now().astimezone().isoformat(timespec="milliseconds")
        try:
            self._file.handle(logging.makeLogRecord({"msg": f"{time} talktome {request_id}"}))
        except OSError as error:
            _LOG.error("talktome: %s cannot be written: %s", self.path, error.strerror)
            raise UnavailableError("the time could not be logged") from error
        return time

    def check(self) -> None:
        """Find out whether the file can be written.

        Raises:
            OSError: if it cannot.
        """
        self._file.check()

    def close(self) -> None:
        self._file.close()


class _LineFile(RotatingFileHandler):
    """The standard library's rotating handler, with errors raised instead of printed to nobody.

    Every line is written under a lock on the file itself, so that several processes can share it: what one finds
    rotated, moved away by logrotate or deleted, it opens anew.
    """

    stream: IO[bytes] | None  # type: ignore[assignment]

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=backups, delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.getMessage()}\n".encode()
        while True:
            with self._locked() as file:
                size = os.fstat(file.fileno()).st_size
                if size == 0 or size + len(line) <= self.maxBytes:
                    _write_whole(file.fileno(), line)
                    return
                self._rotate(file)

    def check(self) -> None:
        self.acquire()
        try:
            with self._locked() as file:
                space = os.fstatvfs(file.fileno())
                if space.f_blocks and not space.f_bavail:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            self.release()

    def _rotate(self, file: IO[bytes]) -> None:
        # Rotating closes the file, which would end the lock: a second descriptor keeps it until all is renamed, or two
        # processes would rename each other's files, and lose lines.
        lock = os.dup(file.fileno())
        try:
            self.doRollover()
        finally:
            os.close(lock)

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """The file that the path names now, locked against other processes."""
        while True:
            if self.stream is None:
                self.stream = self._open()
            file = self.stream
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(file, self.baseFilename):
                break
            self.stream = None
            file.close()
        try:
            yield file
        finally:
            if not file.closed:
                fcntl.flock(file, fcntl.LOCK_UN)

    def _open(self) -> Any:
        # O_NOFOLLOW: a symlink put in the file's place must not send our lines into another file. O_NONBLOCK: nor must
        # a pipe put there keep us waiting for its reader.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.fdopen(os.open(self.baseFilename, flags, 0o640), "ab", buffering=0)


def _is_at(file: IO[bytes], path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
    except OSError:
        return False


def _write_whole(descriptor: int, line: bytes) -> None:
    """Write the line or, where the disk takes only a part of it, nothing."""
    size = os.fstat(descriptor).st_size
    written = os.write(descriptor, line)
    if written != len(line):
        os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
