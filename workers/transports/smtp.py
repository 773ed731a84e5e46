"""Hands mails to an SMTP relay (RFC 5321, RFC 6409), with TLS and a login where they are asked for."""

import contextlib
import socket
import ssl
import time
from functools import cached_property
from typing import Final

from config.relay import SmtpRelay
from workers.composing import Composed
from workers.errors import DeliveryError
from workers.transports.deadlines import Deadlines
from workers.transports.smtp_connection import open_connection
from workers.transports.transport import Receipt

#: Longest conversation, in seconds: above the longest wait in it.
CONVERSATION_TIMEOUT_S: Final = 900.0


class SmtpTransport:
    """One conversation with the relay for each mail.

    Args:
        relay: where it is and how it wants to be spoken to.
        conversation_timeout_s: longest conversation.
    """

    def __init__(self, relay: SmtpRelay, conversation_timeout_s: float = CONVERSATION_TIMEOUT_S) -> None:
        self._relay = relay
        self._conversation_timeout_s = conversation_timeout_s
        self._deadlines = Deadlines()

    def deliver(self, mail: Composed) -> Receipt:
        began = time.monotonic()
        ready: float | None = None
        try:
            with contextlib.ExitStack() as stack:

                def limit(connection: socket.socket) -> None:
                    stack.enter_context(self._deadlines.limit(connection, self._conversation_timeout_s))

                connection = open_connection(self._relay, self._context, limit)
                stack.callback(connection.close)
                ready = time.monotonic()
                code, reply = connection.send(mail)
                answered = time.monotonic()
        except DeliveryError as error:
            now = time.monotonic()
            error.connect_ms = _ms(began, ready or now)
            error.transfer_ms = _ms(ready or now, now)
            raise
        return Receipt(_ms(began, ready), _ms(ready, answered), code, reply)

    def abort(self) -> None:
        self._deadlines.cut_all()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        # Checks the certificate and its name against the system's authorities; TLS 1.2 at the least.
        return ssl.create_default_context()


def _ms(begin: float, end: float) -> int:
    return round((end - begin) * 1000)
