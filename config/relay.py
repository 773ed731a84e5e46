"""Where mail goes: what `SMTP_URL` says, parsed."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from config.secret import Secret

ALLOWED = "maildir:PATH, smtp://[user:password@]host[:587][?tls=none] or smtps://[user:password@]host[:465]"

Tls = Literal["starttls", "implicit", "none"]


@dataclass(frozen=True)
class Maildir:
    """A folder on this machine in which mails are put down instead of being sent."""

    path: Path

    def __str__(self) -> str:
        return f"the Maildir {self.path}"


@dataclass(frozen=True)
class SmtpRelay:
    """An SMTP server that takes our mail."""

    host: str
    port: int
    #: `starttls`: plain TCP, upgraded before anything else is said; `implicit`: TLS from the first byte.
    tls: Tls
    #: Often somebody's address.
    username: str = field(default="", repr=False)
    password: Secret = Secret("")

    def __str__(self) -> str:
        return f"{self.host}:{self.port} ({'no TLS' if self.tls == 'none' else 'TLS'})"


Relay = Maildir | SmtpRelay


def parse_relay(value: str) -> Relay:
    """Parse `SMTP_URL`.

    Raises:
        ValueError: with what is allowed as its text.
    """
    if value.startswith("maildir:") and value != "maildir:" and "\0" not in value:
        return Maildir(Path(value.removeprefix("maildir:")))
    try:
        parts = urlsplit(value)
        tls = _tls(parts.scheme, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query))))
        port = parts.port or (465 if tls == "implicit" else 587)
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
    except (ValueError, KeyError):
        raise ValueError(ALLOWED) from None
    if (
        not re.fullmatch(r"[\w.:%-]+", parts.hostname or "")
        or parts.port == 0
        or parts.path not in ("", "/")
        or parts.fragment
        or bool(username) != bool(password)
        or not (username + password).isascii()
    ):
        raise ValueError(ALLOWED)
    return SmtpRelay(str(parts.hostname), port, tls, username, Secret(password))


def _tls(scheme: str, options: dict[str, str]) -> Tls:
    asked = options.pop("tls", None)
    if options or asked not in (None, "none") or (scheme == "smtps" and asked):
        raise ValueError
    implied: dict[str, Tls] = {"smtp": "none" if asked else "starttls", "smtps": "implicit"}
    return implied[scheme]
