"""The connections to a relay that this process has: those that nobody uses now, and how many there are."""

import threading
import time
from collections import deque

from workers.transports.smtp_connection import SmtpConnection


class _Waiter:
    """Somebody who waits for a connection."""

    def __init__(self) -> None:
        self.given: SmtpConnection | None = None


class SmtpPool:
    """Connections that are kept for the next mail; used by many threads at once."""

    def __init__(self) -> None:
        #: Those that nobody uses now, the last used one last.
        self._idle: list[SmtpConnection] = []
        #: The one who has waited the longest first.
        self._waiting: deque[_Waiter] = deque()
        self._changed = threading.Condition()
        #: How many connections there are, in use or idle.
        self.count = 0
        #: Whether nobody is to wait any more.
        self.interrupted = False

    def add(self, connection: SmtpConnection) -> SmtpConnection:
        """Count a connection that was opened, for who opened it."""
        with self._changed:
            self.count += 1
        return connection

    def take(self) -> SmtpConnection | None:
        """The connection that was used last; None if all are in use."""
        with self._changed:
            return self._idle.pop() if self._idle else None

    def put(self, connection: SmtpConnection) -> None:
        """Give a connection to who waits for one for the longest, or keep it."""
        with self._changed:
            if self._waiting:
                self._waiting.popleft().given = connection
                self._changed.notify_all()
            else:
                self._idle.append(connection)

    def drop(self, connection: SmtpConnection) -> None:
        """Close a connection that is of no more use."""
        connection.close()
        with self._changed:
            self.count -= 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> SmtpConnection | None:
        """Wait for a connection that somebody puts back; None after so many seconds, or when another was dropped."""
        waiter = _Waiter()
        with self._changed:
            if self._idle:
                return self._idle.pop()
            self._waiting.append(waiter)
            count = self.count
            self._changed.wait_for(lambda: waiter.given or self.interrupted or self.count < count, seconds)
            if waiter.given is None:
                self._waiting.remove(waiter)
        return waiter.given

    def interrupt(self) -> None:
        """Have nobody wait from now on."""
        with self._changed:
            self.interrupted = True
            self._changed.notify_all()

    def close_idle(self, for_s: float = 0.0) -> None:
        """Close what has not been used for so many seconds."""
        since = time.monotonic() - for_s
        with self._changed:
            old = [connection for connection in self._idle if connection.used_at <= since]
            self._idle = [connection for connection in self._idle if connection.used_at > since]
        for connection in old:
            self.drop(connection)
