"""The talktome log: one whole line for each request, or an error, never something in between."""

import errno
import fcntl
import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any, Final

from messaging.errors import UnavailableError

_LOG: Final = logging.getLogger(__name__)

#: A line that others keep from being written for this long is given up, in seconds.
PATIENCE_S: Final = 1.0

#: How often a log that another process has locked is tried again, in seconds; nobody holds it for longer than a write.
_TRY_EVERY_S: Final = 0.001


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
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        try:
            self._file.write(f"{now} talktome {request_id}\n".encode())
        except OSError as error:
            _LOG.error("talktome: %s cannot be written: %s", self.path, error.strerror)
            raise UnavailableError("the time could not be logged") from error
        return now

    def check(self) -> None:
        """Find out whether the file can be written, and go on to be when it is full.

        Raises:
            OSError: if it cannot.
        """
        self._file.check()

    def close(self) -> None:
        self._file.close()


class _LineFile(RotatingFileHandler):
    """The standard library's rotating handler, with errors raised instead of printed to nobody, and waits with an end.

    Every line is written under a lock on the file itself, so that several processes can share it: what one finds
    rotated, moved away by logrotate or deleted, it opens anew.
    """

    stream: IO[bytes] | None  # type: ignore[assignment]

    def __init__(self, path: Path, max_bytes: int, backups: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=backups, delay=True)
        #: (The handler's own has no limit to how long one waits for it.)
        self._turn = threading.Lock()
        #: Bytes of a line that did not fit, where the rotation that was to make room for it failed.
        self._waits_for_room = 0

    def write(self, line: bytes) -> None:
        with self._in_turn() as give_up_at:
            while True:
                with self._locked(give_up_at) as file:
                    if self._has_room(file, len(line)):
                        _write_whole(file.fileno(), line)
                        return
                    self._waits_for_room = len(line)
                    self._rotate(file)

    def check(self) -> None:
        with self._in_turn() as give_up_at, self._locked(give_up_at) as file:
            space = os.fstatvfs(file.fileno())
            if space.f_blocks and not space.f_bavail:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            _check_folder(file, self.baseFilename)
            if not self._has_room(file, self._waits_for_room):
                # Whatever keeps it from being rotated, the next line would meet it too.
                self._rotate(file)

    def close(self) -> None:
        with self._turn:
            super().close()

    def _has_room(self, file: IO[bytes], length: int) -> bool:
        size = os.fstat(file.fileno()).st_size
        return size == 0 or length == 0 or size + length <= self.maxBytes

    def _rotate(self, file: IO[bytes]) -> None:
        # Rotating closes the file, which would end the lock: a second descriptor keeps it until all is renamed, or two
        # processes would rename each other's files, and lose lines.
        lock = os.dup(file.fileno())
        try:
            self.doRollover()
        finally:
            os.close(lock)
        self._waits_for_room = 0

    @contextmanager
    def _in_turn(self) -> Iterator[float]:
        """One thread of this process; until when it may wait for others, by the monotonic clock."""
        give_up_at = time.monotonic() + PATIENCE_S
        if not self._turn.acquire(timeout=PATIENCE_S):
            raise OSError(errno.ETIMEDOUT, f"the lines before took longer than {PATIENCE_S:.0f} s")
        try:
            yield give_up_at
        finally:
            self._turn.release()

    @contextmanager
    def _locked(self, give_up_at: float) -> Iterator[IO[bytes]]:
        """The file that the path names now, locked against other processes."""
        while True:
            if self.stream is None:
                self.stream = self._open()
            file = self.stream
            _lock(file, give_up_at)
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


def _lock(file: IO[bytes], give_up_at: float) -> None:
    """Lock the file against other processes; one that holds it and is stopped or hangs must not hold up ours."""
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_at:
                raise OSError(errno.ETIMEDOUT, f"another process has locked it for {PATIENCE_S:.0f} s") from None
            time.sleep(_TRY_EVERY_S)
        else:
            return


def _check_folder(file: IO[bytes], path: str) -> None:
    """Find out whether the file's folder lets it be renamed: made for us by root, it may be ours and the folder not."""
    about = os.fstat(file.fileno())
    if not stat.S_ISREG(about.st_mode):
        return  # a device is never full
    folder = os.stat(os.path.dirname(path))  # noqa: PTH116, PTH120 - the standard library's handler has it as a text
    # In a sticky folder only who owns one of the two may rename a file, or root.
    kept = folder.st_mode & stat.S_ISVTX and os.geteuid() not in (0, about.st_uid, folder.st_uid)
    if kept or not os.access(os.path.dirname(path), os.W_OK | os.X_OK, effective_ids=True):  # noqa: PTH120
        raise OSError(errno.EACCES, "its folder does not let it be rotated")


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
