"""Cuts connections that last too long: a time limit on a whole conversation, however slowly it goes on."""

import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator


class Deadlines:
    """Shuts a socket down when its time is over, which wakes whoever waits for it with an error.

    A limit for each wait is not enough: a relay that sends a byte now and then never meets it.
    """

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._open: dict[int, tuple[float, socket.socket]] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._all_cut = False

    @contextlib.contextmanager
    def limit(self, connection: socket.socket, seconds: float) -> Iterator[None]:
        """Cut `connection` if the block takes longer than `seconds`."""
        # A duplicate of the descriptor: TLS wraps the socket into another object, the connection stays the same.
        handle = socket.socket(fileno=os.dup(connection.fileno()))
        number = next(self._numbers)
        with self._change:
            self._open[number] = (time.monotonic() + seconds, handle)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
            if self._all_cut:
                _cut(handle)
            self._change.notify()
        try:
            yield
        finally:
            with self._change:
                del self._open[number]
            handle.close()

    def cut_all(self) -> None:
        """Cut every connection now, and from now on each that begins."""
        with self._change:
            self._all_cut = True
            for _, handle in self._open.values():
                _cut(handle)

    def _run(self) -> None:
        with self._change:
            while True:
                now = time.monotonic()
                for ends, handle in self._open.values():
                    if ends <= now:
                        _cut(handle)
                ahead = [ends - now for ends, _ in self._open.values() if ends > now]
                self._change.wait(min(ahead, default=None))


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may be closed already by the other side
        handle.shutdown(socket.SHUT_RDWR)
