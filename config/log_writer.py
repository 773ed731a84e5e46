"""Writes log lines off the threads that log: a slow or stuck reader of them never holds up a request or a mail."""

import logging
import queue
import threading
from typing import Final, TextIO

from config.masking import masked

#: Lines that wait to be written; the others are counted and lost.
MOST_WAITING: Final = 10_000

#: Wait after a write, in seconds: what is logged meanwhile is one write, and wakes nobody.
_GATHER_S: Final = 0.02

#: How long the end of the process waits for a reader that does not read, in seconds.
CLOSE_S: Final = 1.0


class LogWriter(logging.Handler):
    """Hands records to a thread of its own, which formats and writes them.

    Writing where one logs would be simpler. But each write lets go of the interpreter's lock while it holds the
    handler's, and threads that log at the same time then queue up for both.

    Args:
        stream: where lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        #: Records, and events of those who wait until what came before is written.
        self._waiting: queue.SimpleQueue[logging.LogRecord | threading.Event] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def handle(self, record: logging.LogRecord) -> bool:
        """Take a record; never waits."""
        if self._waiting.qsize() >= MOST_WAITING:
            self._lost += 1
            return False
        self._waiting.put(record)
        return True

    def flush(self) -> None:
        """Wait until what was logged so far is written, for a second at the most."""
        written = threading.Event()
        self._waiting.put(written)
        written.wait(CLOSE_S)

    def close(self) -> None:
        """Write what waits, and end; called by the standard library when the process ends."""
        if not self._closing.is_set():
            self._closing.set()
            self.flush()
        super().close()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while not (self._closing.is_set() and self._waiting.empty()):
            items = [self._waiting.get()]
            while not self._waiting.empty():
                items.append(self._waiting.get())
            self._write([self._line(item) for item in items if isinstance(item, logging.LogRecord)])
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()
            self._closing.wait(_GATHER_S)

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record) + "\n"
        except Exception as error:
            # Words and arguments that do not fit each other: a bug, to be seen, and no reason to stop.
            line = f"{record.levelname} {record.name}: {record.msg!r} % {record.args!r} cannot be formatted: {error}"
            return f"{masked(line)}\n"

    def _write(self, lines: list[str]) -> None:
        lost, self._lost = self._lost, 0
        if lost:
            lines.append(f"{lost} log lines are lost: nobody read them\n")
        try:
            self._stream.write("".join(lines))
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody is there to be told.
            return
