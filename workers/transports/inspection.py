"""Looks at the relay without sending anything: reached, secured, logged in."""

import ssl
import time
from dataclasses import dataclass

from config.relay import Maildir, Relay
from workers.transports.deadlines import Deadlines
from workers.transports.maildir import MaildirTransport
from workers.transports.smtp_opening import CONNECT_TIMEOUT_S, open_connection


@dataclass(frozen=True, slots=True)
class RelaySeen:
    """What was seen of a relay that would take mail."""

    took_ms: int
    #: When its certificate ends, in seconds since 1970, UTC; none where there is no TLS.
    certificate_ends_at: float | None = None


def inspect(relay: Relay) -> RelaySeen:
    """Get as far as a mail would before it is named.

    Raises:
        RelayError: with the relay's words, or ours.
    """
    began = time.monotonic()
    if isinstance(relay, Maildir):
        MaildirTransport(relay.path).check()
        return RelaySeen(0)
    connection = open_connection(relay, ssl.create_default_context, Deadlines(), 2 * CONNECT_TIMEOUT_S)
    try:
        ends_at = connection.certificate_ends_at
    finally:
        connection.close()
    return RelaySeen(round((time.monotonic() - began) * 1000), ends_at)
