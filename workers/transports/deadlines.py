"""Cuts connections that last too long: a time limit on a whole conversation, however slowly it goes on."""

import contextlib
import itertools
import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import NewType

#: What a connection is cut by; see `Deadlines.hold`.
Handle = NewType("Handle", socket.socket)


class Deadlines:
    """Shuts a socket down when its time is over, which wakes whoever waits for it with an error.

    A limit for each wait is not enough: a relay that sends a byte now and then never meets it.
    """

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._open: dict[int, tuple[float, Handle]] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        #: When the thread looks for what to cut. What ends later need not wake it.
        self._looks_at = math.inf
        self._all_cut = False

    @contextlib.contextmanager
    def limit(self, connection: socket.socket, seconds: float) -> Iterator[None]:
        """Cut `connection` if the block takes longer than `seconds`."""
        handle = self.hold(connection)
        try:
            with self.limit_held(handle, seconds):
                yield
        finally:
            self.release(handle)

    def hold(self, connection: socket.socket) -> Handle:
        """Return a handle on a connection that will have many limits; give it to `release` when that is closed.

        Until then the other side does not learn that it was closed.
        """
        # A duplicate of the descriptor: TLS wraps the socket into another object, and after whoever has that closed it
        # its number may be another connection's.
        return Handle(socket.socket(fileno=os.dup(connection.fileno())))

    def release(self, handle: Handle) -> None:
        """Close a handle."""
        with self._change:  # not in the middle of a cut, for the same reason
            handle.close()

    @contextlib.contextmanager
    def limit_held(self, handle: Handle, seconds: float) -> Iterator[None]:
        """Cut a connection that is held if the block takes longer than `seconds`."""
        number = next(self._numbers)
        ends = time.monotonic() + seconds
        with self._change:
            self._open[number] = (ends, handle)
            if self._all_cut:
                _cut(handle)
            if ends < self._looks_at:
                self._looks_at = ends
                self._wake()
        try:
            yield
        finally:
            with self._change:
                del self._open[number]

    def cut_all(self) -> None:
        """Cut every connection now, and from now on each that begins."""
        with self._change:
            self._all_cut = True
            for _, handle in self._open.values():
                _cut(handle)

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
            self._thread.start()
        self._change.notify()

    def _run(self) -> None:
        with self._change:
            while True:
                now = time.monotonic()
                for ends, handle in self._open.values():
                    if ends <= now:
                        _cut(handle)
                # With nothing under way it looks when it said it would: to wake it would cost more than that.
                said = self._looks_at if self._looks_at > now else math.inf
                self._looks_at = min((ends for ends, _ in self._open.values() if ends > now), default=said)
                self._change.wait(None if self._looks_at == math.inf else self._looks_at - now)


def _cut(handle: Handle) -> None:
    with contextlib.suppress(OSError):  # it may be closed already by the other side
        handle.shutdown(socket.SHUT_RDWR)
