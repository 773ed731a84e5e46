"""Transports to the tests' own relays."""

import contextlib
from typing import cast

from config.relay import SmtpRelay, parse_relay
from config.secret import Secret
from tests.servers.smtp import SmtpServer
from workers.composing import Composed
from workers.transports.smtp import SmtpTransport

LOGIN = ("user@example.org", "pa55word")


def transport_to(url: str, conversation_timeout_s: float = 20.0) -> contextlib.closing[SmtpTransport]:
    return contextlib.closing(SmtpTransport(cast("SmtpRelay", parse_relay(url)), conversation_timeout_s))


def logging_in(server: SmtpServer, login: tuple[str, str] = LOGIN) -> contextlib.closing[SmtpTransport]:
    tls = cast("SmtpRelay", parse_relay(server.url)).tls
    relay = SmtpRelay("127.0.0.1", server.port, tls, login[0], Secret(login[1]))
    return contextlib.closing(SmtpTransport(relay, 20.0))


def numbered(number: int) -> Composed:
    return Composed("a@example.org", f"t{number}@example.com", b"Subject: mail %d\r\n\r\nText\r\n" % number)
