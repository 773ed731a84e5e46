"""Hands mails to an SMTP relay (RFC 5321, RFC 6409) and keeps connections for the next ones."""

import ssl
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import Final

from config.relay import SmtpRelay
from workers.composing import Composed
from workers.errors import DeliveryError, RelayError
from workers.transports.deadlines import Deadlines
from workers.transports.smtp_connection import SmtpConnection
from workers.transports.smtp_opening import CONNECT_TIMEOUT_S, open_connection
from workers.transports.transport import Receipt, always

#: Longest conversation about one mail, in seconds: above the longest wait in it.
CONVERSATION_TIMEOUT_S: Final = 900.0

#: Longest time until a new connection is ready for a mail, in seconds; others wait for it.
OPENING_TIMEOUT_S: Final = 60.0

#: A connection is used for so long, in seconds, and for so many mails: relays count both, and close for less.
MOST_AGE_S: Final = 120.0
MOST_MAILS: Final = 100

#: One that lay idle is asked whether it still stands before it is used, and closed after longer, in seconds.
CHECK_IDLE_S: Final = 5.0
CLOSE_IDLE_S: Final = 30.0

#: Who finds the relay failing within this time of somebody else has the same error, in seconds: when it is away, or
#: refuses our login, one try tells as much as one in each thread, and is not taken for an attack.
_SHARED_FAILURE_S: Final = 0.5


class SmtpTransport:
    """Connections to one relay, at most one for each thread that delivers.

    Args:
        relay: where it is and how it wants to be spoken to.
        conversation_timeout_s: longest conversation about one mail.
    """

    def __init__(self, relay: SmtpRelay, conversation_timeout_s: float = CONVERSATION_TIMEOUT_S) -> None:
        self._relay = relay
        self._conversation_timeout_s = conversation_timeout_s
        self._deadlines = Deadlines()
        #: Connections that nobody uses now, the last used one last.
        self._idle: list[SmtpConnection] = []
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._failure: tuple[float, RelayError] | None = None

    def deliver(self, mail: Composed, is_ours: Callable[[], bool] = always) -> Receipt:
        began = time.monotonic()
        kept = self._take()
        if kept is not None:
            try:
                return self._hand_over(kept, mail, is_ours, began)
            except DeliveryError as error:
                if not error.gone:
                    raise
                # It was closed, or the relay wanted it to end: no fault of the mail, and no sign of what is to come.
        try:
            fresh = self._open()
        except RelayError as error:
            error.connect_ms = _ms(began, time.monotonic())
            raise
        return self._hand_over(fresh, mail, is_ours, began)

    def tidy(self) -> None:
        with self._lock:
            since = time.monotonic() - CLOSE_IDLE_S
            old = [connection for connection in self._idle if connection.used_at < since]
            self._idle = [connection for connection in self._idle if connection.used_at >= since]
        for connection in old:
            connection.close()

    def interrupt(self) -> None:
        self._deadlines.cut_unspared()

    def abort(self) -> None:
        self._deadlines.cut_all()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _hand_over(
        self, connection: SmtpConnection, mail: Composed, is_ours: Callable[[], bool], began: float
    ) -> Receipt:
        """Hand a mail over on a connection, and keep that if it is good for another one."""
        ready = time.monotonic()
        try:
            with connection.limit(self._conversation_timeout_s):
                code, reply = connection.send(mail, is_ours)
        except DeliveryError as error:
            error.connect_ms, error.transfer_ms = _ms(began, ready), _ms(ready, time.monotonic())
            if error.gone or error.code is None or not self._stands(connection):
                connection.close()
            else:
                self._keep(connection)
            raise
        except BaseException:
            connection.close()
            raise
        answered = time.monotonic()
        self._keep(connection)
        return Receipt(_ms(began, ready), _ms(ready, answered), code, reply)

    def _take(self) -> SmtpConnection | None:
        """The connection that was used last, if it still stands."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if time.monotonic() - connection.used_at < CHECK_IDLE_S or self._stands(connection):
                return connection
            connection.close()

    def _stands(self, connection: SmtpConnection) -> bool:
        """Ask whether a connection can take another mail; `abort` cuts this, too."""
        with connection.limit(CONNECT_TIMEOUT_S):
            return connection.reset()

    def _keep(self, connection: SmtpConnection) -> None:
        if connection.mails >= MOST_MAILS or time.monotonic() - connection.opened_at >= MOST_AGE_S:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)

    def _open(self) -> SmtpConnection:
        asked_at = time.monotonic()
        with self._opening:
            if self._failure and asked_at - self._failure[0] < _SHARED_FAILURE_S:
                raise RelayError(self._failure[1].reply, self._failure[1].code)
            within_s = min(OPENING_TIMEOUT_S, self._conversation_timeout_s)
            try:
                return open_connection(self._relay, lambda: self._context, self._deadlines, within_s)
            except RelayError as error:
                self._failure = (time.monotonic(), error)
                raise

    @cached_property
    def _context(self) -> ssl.SSLContext:
        # Checks the certificate and its name against the system's authorities, which takes a while to read; TLS 1.2 at
        # the least.
        return ssl.create_default_context()


def _ms(begin: float, end: float) -> int:
    return round((end - begin) * 1000)
