"""One connection to the relay: opened, secured, logged in, and used for mail."""

import contextlib
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final

from config.relay import SmtpRelay
from workers.composing import Composed
from workers.errors import RelayError
from workers.policy import Stage, judge, lost

#: Longest wait for a connection and for each answer until it is ready for a mail, in seconds: a relay that hangs is
#: found out while nothing is at stake, and a process that has to end does not wait longer.
CONNECT_TIMEOUT_S: Final = 10.0

#: Longest wait for any one answer about a mail but the last, in seconds: relays may have to ask others.
ANSWER_TIMEOUT_S: Final = 60.0

#: RFC 5321, section 4.5.3.2.6: 10 minutes for the answer to the final dot. A shorter wait ends in duplicates: the
#: relay took the mail, and we did not hear it.
FINAL_TIMEOUT_S: Final = 600.0

_GOODBYE_TIMEOUT_S: Final = 1.0

#: Characters of a relay's answer that are kept.
MOST_REPLY: Final = 500

_LEADING_DOT: Final = re.compile(rb"^\.", re.MULTILINE)

#: Called with the TCP socket as soon as there is one, before anything is said on it.
OnSocket = Callable[[socket.socket], None]


class SmtpConnection:
    """A connection that is ready for a mail, made by `open_connection`."""

    def __init__(self, smtp: smtplib.SMTP) -> None:
        self._smtp = smtp
        self._wait_at_most(ANSWER_TIMEOUT_S)
        self.opened_at = self.used_at = time.monotonic()
        #: Mails handed over, taken or not.
        self.mails = 0

    @property
    def socket(self) -> socket.socket:
        """What it runs on, for somebody to cut.

        Raises:
            OSError: if it is closed.
        """
        if self._smtp.sock is None:
            raise OSError("the connection is closed")
        return self._smtp.sock

    def send(self, mail: Composed) -> tuple[int, str]:
        """Hand one mail over; returns the relay's 250 and its words.

        Raises:
            RefusedError, BusyError, RelayError: whatever else the relay answered, or that it did not.
        """
        stage = Stage.MAIL
        self.mails += 1
        try:
            _expect(stage, self._smtp.mail(mail.sender), 250)
            stage = Stage.RCPT
            # RFC 5321, section 4.2.3: 251 takes the mail as well, to forward it.
            _expect(stage, self._smtp.rcpt(mail.recipient), 250, 251)
            stage = Stage.DATA
            _expect(stage, self._smtp.docmd("DATA"), 354)
            self._wait_at_most(FINAL_TIMEOUT_S)
            # RFC 5321, section 4.5.2: a line's leading dot is doubled, a lone one ends the mail. All in one write: the
            # last bytes alone would wait for the acknowledgement of those before them.
            self._smtp.send(_LEADING_DOT.sub(b"..", mail.content) + b".\r\n")
            stage = Stage.END
            answer = _expect(stage, self._smtp.getreply(), 250)
            self._wait_at_most(ANSWER_TIMEOUT_S)
        except OSError as error:  # what smtplib raises is one, too
            raise lost(stage, _words(error)) from error
        self.used_at = time.monotonic()
        return answer

    def reset(self) -> bool:
        """Make it ready for the next mail; False if it is of no more use."""
        try:
            self._wait_at_most(ANSWER_TIMEOUT_S)
            stands = self._smtp.rset()[0] == 250
        except OSError:
            return False
        self.used_at = time.monotonic()
        return stands

    def close(self) -> None:
        """Say goodbye and hang up; what the relay says to that is of no consequence."""
        with contextlib.suppress(OSError):
            self._wait_at_most(_GOODBYE_TIMEOUT_S)
            self._smtp.putcmd("QUIT")
        self._smtp.close()

    def _wait_at_most(self, seconds: float) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)


def open_connection(relay: SmtpRelay, context: ssl.SSLContext, on_socket: OnSocket) -> SmtpConnection:
    """Connect, secure the connection and log in, as the relay's URL says.

    Args:
        relay: where it is and how it wants to be spoken to.
        context: what its certificate is checked against.
        on_socket: told of the socket, so that somebody can cut it.

    Raises:
        RelayError: if the connection is not ready for a mail, whatever the reason.
    """
    smtp: _Smtp | None = None
    try:
        smtp = _Smtp(relay, context, on_socket)
        _secure_and_log_in(smtp, relay, context)
    except smtplib.SMTPResponseException as error:
        _hang_up(smtp)
        raise RelayError(_text(error.smtp_error), error.smtp_code) from error
    except UnicodeEncodeError:
        # The library sends a login as ASCII, and its words would quote the password.
        _hang_up(smtp)
        raise RelayError("the login has characters that are not ASCII") from None
    except (OSError, ValueError) as error:
        _hang_up(smtp)
        raise RelayError(_words(error)) from error
    return SmtpConnection(smtp)


def _secure_and_log_in(smtp: smtplib.SMTP, relay: SmtpRelay, context: ssl.SSLContext) -> None:
    smtp.ehlo_or_helo_if_needed()
    if relay.tls == "starttls":
        # Never a fall-back to plain text: whoever stands between us and the relay could ask for that.
        smtp.starttls(context=context)
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

    def __init__(self, relay: SmtpRelay, context: ssl.SSLContext, on_socket: OnSocket) -> None:
        self._relay = relay
        self._context = context
        self._on_socket = on_socket
        super().__init__(relay.host, relay.port, local_hostname=_local_name(), timeout=CONNECT_TIMEOUT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = _connect(host, port, timeout, self._on_socket)
        if self._relay.tls == "implicit":
            return self._context.wrap_socket(connection, server_hostname=host)
        return connection


def _connect(host: str, port: int, timeout_s: float, on_socket: OnSocket) -> socket.socket:
    """Connect to the first address of `host` that answers, all of them within `timeout_s`."""
    give_up_at = time.monotonic() + timeout_s
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    error: OSError | None = None
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        connection = socket.socket(family, kind, protocol)
        on_socket(connection)
        connection.settimeout(max(0.1, (give_up_at - time.monotonic()) / (len(addresses) - tried)))
        try:
            connection.connect(address)
        except OSError as failure:
            connection.close()
            error = failure
        else:
            # What we write is whole: nothing is gained by holding back its last segment.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(timeout_s)
            return connection
    raise error or OSError(f"{host} has no address")


def _local_name() -> str:
    """Our name for EHLO; without the library's look-up, which hangs where nobody answers for it."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"


def _expect(stage: Stage, answer: tuple[int, bytes], *hoped_for: int) -> tuple[int, str]:
    code, reply = answer[0], _text(answer[1])
    if code not in hoped_for:
        raise judge(stage, code, reply)
    return code, reply


def _text(reply: bytes | str) -> str:
    """A relay's answer as one printable line."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return "".join(character if character.isprintable() else " " for character in text)[:MOST_REPLY]


def _words(error: Exception) -> str:
    return _text(str(error)) or type(error).__name__


def _hang_up(smtp: smtplib.SMTP | None) -> None:
    if smtp is not None:
        smtp.close()
