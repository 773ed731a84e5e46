"""Opens connections to the relay: secured and logged in, as its URL says."""

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Callable
from typing import Final

from config.relay import SmtpRelay
from workers.errors import RelayError
from workers.transports.deadlines import Deadlines
from workers.transports.dialing import OnSocket, dial
from workers.transports.smtp_connection import SmtpConnection, one_line, words_of

#: Longest wait for a connection and for each answer until it is ready for a mail, in seconds: a relay that hangs is
#: found out while nothing is at stake, and a process that has to end does not wait longer.
CONNECT_TIMEOUT_S: Final = 10.0


#: Makes what a relay's certificate is checked against; called where the connection is secured.
Authorities = Callable[[], ssl.SSLContext]


def open_connection(
    relay: SmtpRelay, authorities: Authorities, deadlines: Deadlines, within_s: float
) -> SmtpConnection:
    """Connect, secure the connection and log in, as the relay's URL says.

    Args:
        relay: where it is and how it wants to be spoken to.
        authorities: who vouches for its certificate.
        deadlines: cuts it if that takes longer than `within_s`.
        within_s: in seconds.

    Raises:
        RelayError: if the connection is not ready for a mail, whatever the reason.
    """
    smtp: _Smtp | None = None
    with contextlib.ExitStack() as stack:

        def limit(connection: socket.socket) -> None:
            stack.enter_context(deadlines.limit(connection, within_s))

        try:
            smtp = _Smtp(relay, authorities, limit)
            _secure_and_log_in(smtp, relay, authorities)
            return SmtpConnection(smtp, deadlines)
        except smtplib.SMTPResponseException as error:
            _hang_up(smtp)
            raise RelayError(one_line(error.smtp_error), error.smtp_code) from error
        except UnicodeEncodeError:
            # The library sends a login as ASCII, and its words would quote the password.
            _hang_up(smtp)
            raise RelayError("the login has characters that are not ASCII") from None
        except (OSError, ValueError) as error:
            _hang_up(smtp)
            raise RelayError(words_of(error)) from error


def _secure_and_log_in(smtp: smtplib.SMTP, relay: SmtpRelay, authorities: Authorities) -> None:
    smtp.ehlo_or_helo_if_needed()
    if relay.tls == "starttls":
        # Never a fall-back to plain text: whoever stands between us and the relay could ask for that.
        smtp.starttls(context=authorities())
        smtp.ehlo_or_helo_if_needed()
    if relay.username:
        _log_in(smtp, relay)


def _log_in(smtp: smtplib.SMTP, relay: SmtpRelay) -> None:
    """Log in with one mechanism: the library's `login` tries all of them, and counts as so many wrong passwords."""
    offered = smtp.esmtp_features.get("auth", "").upper().split()
    smtp.user, smtp.password = relay.username, relay.password.reveal()
    # RFC 4954, section 4: what shows the password is for connections that nobody can read.
    authentications: dict[str, Callable[..., str]] = {
        "CRAM-MD5": smtp.auth_cram_md5,
        "PLAIN": smtp.auth_plain,
        "LOGIN": smtp.auth_login,
    }
    for name, authenticate in authentications.items():
        if name in offered:
            smtp.auth(name, authenticate)
            return
    raise smtplib.SMTPNotSupportedError("the relay offers no login that we know")


class _Smtp(smtplib.SMTP):
    """The standard library's client, with TLS from the first byte where the relay wants it."""

    def __init__(self, relay: SmtpRelay, authorities: Authorities, on_socket: OnSocket) -> None:
        self._relay = relay
        self._authorities = authorities
        self._on_socket = on_socket
        super().__init__(relay.host, relay.port, local_hostname=_local_name(), timeout=CONNECT_TIMEOUT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = dial(host, port, timeout, self._on_socket)
        if self._relay.tls == "implicit":
            return self._authorities().wrap_socket(connection, server_hostname=host)
        return connection


def _local_name() -> str:
    """Our name for EHLO; without the library's look-up, which hangs where nobody answers for it."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"


def _hang_up(smtp: smtplib.SMTP | None) -> None:
    if smtp is not None:
        smtp.close()
