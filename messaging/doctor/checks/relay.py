"""The relay: that it is reached, shows a certificate of its name, and takes our login; nothing is sent."""

import re
import time
from collections.abc import Callable
from typing import Final

from config.errors import MessagingError
from config.relay import Maildir, Relay, SmtpRelay
from messaging.doctor.finding import TroubleError
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.relay_hold import Hold, RelayHold
from messaging.timestamps import timestamp

#: Returns when the relay's certificate ends, in seconds since 1970, UTC, or none where there is no TLS; raises an error
#: of ours, with the relay's words, if no mail could be handed over.
Inspect = Callable[[Relay], float | None]

#: A certificate that ends within so many days is worth a word.
_SOON_DAYS: Final = 14

_DAY_S: Final = 86_400

#: What the words are about, and what to do, the first that fits; the login's codes are those of RFC 4954, section 6.
_ADVICE: Final = (
    (
        r"\b(530|534|535|538)\b|no login",
        "Set EMAIL_USERNAME and EMAIL_PASSWORD to a login of the relay's (Gmail: an app password)",
    ),
    (r"not valid for|[Hh]ostname mismatch|IP address mismatch", "Name the relay in SMTP_URL as its certificate does"),
    (r"expired", "Have the relay's operator renew its certificate"),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "Trust its authority: SSL_CERT_FILE=/PATH/TO/CA.pem for all processes",
    ),
    (r"STARTTLS", "Say smtps://…:465 in SMTP_URL; or add ?tls=none where nobody can listen on the way"),
    (r"Maildir", "Let the service's user write that folder, or name another in SMTP_URL"),
)
_REFUSES: Final = (
    "Set right what it says: it may be MAIL_FROM, a limit of its own or its disk; mail goes on by itself when it is"
)
_UNREACHABLE: Final = (
    "Set SMTP_URL to the host and port that it listens at, and let connections to it through the firewall"
)


def check_relay(relay: Relay, inspect: Inspect, hold: RelayHold, now_s: Callable[[], float] = time.time) -> str:
    """Look at the relay.

    Args:
        relay: what `SMTP_URL` names.
        inspect: goes as far as a mail would before it is named.
        hold: tells whether mails wait for it.
        now_s: tells the time in seconds since 1970, UTC.

    Raises:
        TroubleError: if no mail could be handed over, or none is tried.
    """
    held = _read(hold)
    waiting = f"all mail waits since {timestamp(held.since)}, it is tried at {timestamp(held.probe_at)}" if held else ""
    try:
        ends_at = inspect(relay)
    except MessagingError as error:
        told = f"{_place(relay)}: {error}"
        raise TroubleError(f"{told}; {waiting}" if held else told, _advice_for(str(error), _UNREACHABLE)) from None
    if held:
        # It gets further than this before it refuses us, or has come back since; the next mail tells.
        raise TroubleError(f"{_place(relay)} answers, but {waiting}: {held.reason}", _advice_for(held.reason, _REFUSES))
    words = [str(relay) if isinstance(relay, Maildir) else f"{_place(relay)} answers"]
    if ends_at is not None:
        days = int((ends_at - now_s()) / _DAY_S)
        soon = f", in {days} days" if days < _SOON_DAYS else ""
        words.append(f"its certificate is good until {timestamp(int(ends_at * 1000))[:10]}{soon}")
    if isinstance(relay, SmtpRelay):
        words.append("it takes our login" if relay.username else "no login is set")
    return ", ".join(words)


def _place(relay: Relay) -> str:
    return f"{relay.host}:{relay.port}" if isinstance(relay, SmtpRelay) else str(relay)


def _advice_for(words: str, otherwise: str) -> str:
    return next((advice for pattern, advice in _ADVICE if re.search(pattern, words)), otherwise)


def _read(hold: RelayHold) -> Hold | None:
    try:
        return hold.read()
    except OutboxUnavailableError:
        return None  # told of the database
