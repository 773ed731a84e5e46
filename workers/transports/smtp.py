"""Hands mails to an SMTP relay (RFC 5321, RFC 6409) and keeps connections for the next ones."""

import ssl
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import Final

from config.relay import SmtpRelay
from workers.composing import Composed
from workers.errors import CrowdedError, DeliveryError, RelayError
from workers.policy import is_full
from workers.transports.deadlines import Deadlines
from workers.transports.smtp_connection import SmtpConnection
from workers.transports.smtp_opening import CONNECT_TIMEOUT_S, open_connection
from workers.transports.smtp_pool import SmtpPool
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

#: A relay that takes no more connections is not asked for another one for so long, while there are some, in seconds.
_FULL_FOR_S: Final = 5.0

#: How often it is looked whether there still are some, in seconds.
_LOOK_AGAIN_S: Final = 1.0

#: A process that has none gives its mails back after so long, in seconds: another one has the connections.
_PATIENCE_S: Final = 3.0

#: Connections that a mail is tried on, where each was closed by the time.
_MOST_TRIES: Final = 3


class SmtpTransport:
    """Connections to one relay, at most one for each thread that delivers.

    Args:
        relay: where it is and how it wants to be spoken to.
        conversation_timeout_s: longest conversation about one mail.
        takes_mails: whether the relay takes mails just now, from whatever process.
    """

    def __init__(
        self,
        relay: SmtpRelay,
        conversation_timeout_s: float = CONVERSATION_TIMEOUT_S,
        takes_mails: Callable[[], bool] = lambda: False,
    ) -> None:
        self._relay = relay
        self._conversation_timeout_s = conversation_timeout_s
        self._takes_mails = takes_mails
        self._deadlines = Deadlines()
        self._pool = SmtpPool()
        self._opening = threading.Lock()
        self._failure: tuple[float, RelayError] | None = None

    def deliver(self, mail: Composed, is_ours: Callable[[], bool] = always) -> Receipt:
        began = time.monotonic()
        connection, is_kept = self._take(), True
        tries = 0
        while True:
            tries += 1
            if connection is None:
                connection, is_kept = self._open_or_wait(began)
            try:
                return self._hand_over(connection, mail, is_ours, began)
            except DeliveryError as error:
                # A kept one was closed, or the relay wanted it to end: no fault of the mail, and no sign of what is to
                # come.
                if tries == _MOST_TRIES or not (is_kept and error.gone):
                    raise
                connection = None

    def tidy(self) -> None:
        self._pool.close_idle(CLOSE_IDLE_S)

    def interrupt(self) -> None:
        self._pool.interrupt()
        self._deadlines.cut_unspared()

    def abort(self) -> None:
        self._pool.interrupt()
        self._deadlines.cut_all()

    def close(self) -> None:
        self._pool.close_idle()

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
                self._pool.drop(connection)
            else:
                self._keep(connection)
            raise
        except BaseException:
            self._pool.drop(connection)
            raise
        answered = time.monotonic()
        self._keep(connection)
        return Receipt(_ms(began, ready), _ms(ready, answered), code, reply)

    def _take(self) -> SmtpConnection | None:
        """The connection that was used last, if it still stands."""
        while connection := self._pool.take():
            if time.monotonic() - connection.used_at < CHECK_IDLE_S or self._stands(connection):
                return connection
            self._pool.drop(connection)
        return None

    def _stands(self, connection: SmtpConnection) -> bool:
        """Ask whether a connection can take another mail; `abort` cuts this, too."""
        with connection.limit(CONNECT_TIMEOUT_S):
            return connection.reset()

    def _keep(self, connection: SmtpConnection) -> None:
        if connection.mails >= MOST_MAILS or time.monotonic() - connection.opened_at >= MOST_AGE_S:
            self._pool.drop(connection)
        else:
            self._pool.put(connection)

    def _open_or_wait(self, began: float) -> tuple[SmtpConnection, bool]:
        """A new connection, or where the relay takes no more of them one that comes free; and whether that is so.

        Raises:
            CrowdedError: if none came free for long.
            RelayError: if the relay is away or refuses us.
        """
        asked_at = time.monotonic()
        patience_s = min(OPENING_TIMEOUT_S, self._conversation_timeout_s)
        refusals = 0
        while True:
            try:
                return self._pool.add(self._open()), False
            except RelayError as error:
                error.connect_ms = _ms(began, time.monotonic())
                # It is not away where it takes mails by connections that it has: it has enough of them. At the first
                # time others may be about to hand over their first mails.
                if not is_full(error) or (refusals and not (self._pool.count or self._takes_mails())):
                    raise
                refusals += 1
                if time.monotonic() > asked_at + (patience_s if self._pool.count else min(patience_s, _PATIENCE_S)):
                    raise CrowdedError(error.reply, error.code) from error
            if kept := self._pool.wait(_LOOK_AGAIN_S):
                return kept, True
            if self._pool.interrupted:
                raise CrowdedError("cut by us while it waited for a connection")

    def _open(self) -> SmtpConnection:
        asked_at = time.monotonic()
        with self._opening:
            if self._failure:
                failed_at, error = self._failure
                if asked_at - failed_at < (_FULL_FOR_S if is_full(error) and self._pool.count else _SHARED_FAILURE_S):
                    raise RelayError(error.reply, error.code)
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
