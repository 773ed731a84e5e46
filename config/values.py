"""Parsers of the values that a setting may have: text in, typed value or `ValueError` out.

The text of the `ValueError` says what is allowed, in words that fit after "allowed:".
"""

import re
from collections.abc import Callable
from email.errors import MessageError
from email.headerregistry import Address
from pathlib import Path
from typing import NamedTuple

_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)", re.ASCII)
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE = re.compile(r"(\d+)/(s|m|h|d)", re.ASCII)


class Endpoint(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Rate(NamedTuple):
    """At most so many in any `period_s` seconds."""

    at_most: int
    period_s: float


def text(value: str) -> str:
    return value


def line(value: str) -> str:
    """A text that may stand in a mail's header field."""
    if not value.isprintable() or "=?" in value:
        raise ValueError('one line of printable text without "=?"')
    return value


def boolean(value: str) -> bool:
    try:
        return {"true": True, "false": False}[value.lower()]
    except KeyError:
        raise ValueError("true or false") from None


def integer(at_least: int, at_most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if re.fullmatch(r"\d{1,18}", value, re.ASCII) and at_least <= int(value) <= at_most:
            return int(value)
        raise ValueError(f"a whole number from {at_least} to {at_most}")

    return parse


def choice(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.lower() in allowed:
            return value.lower()
        raise ValueError(" or ".join(allowed))

    return parse


def duration(value: str) -> float:
    """`500ms`, `30s`, `10m`, `2h`, `7d` as seconds."""
    match = _DURATION.fullmatch(value)
    if not match:
        raise ValueError("a duration such as 500ms, 30s, 10m, 2h or 7d")
    return int(match[1]) * _UNIT_S[match[2]]


def positive_duration(value: str) -> float:
    seconds = duration(value)
    if seconds <= 0:
        raise ValueError("a duration above zero such as 500ms, 30s, 10m, 2h or 7d")
    return seconds


def durations(value: str) -> tuple[float, ...]:
    """A comma-separated list of durations above zero, in seconds."""
    try:
        return tuple(positive_duration(part.strip()) for part in value.split(","))
    except ValueError:
        raise ValueError("durations above zero, separated by commas, such as 1m,5m,2h") from None


def rate(value: str) -> Rate | None:
    """`3/h` as at most three in an hour; `off` as no limit."""
    if value.lower() == "off":
        return None
    match = _RATE.fullmatch(value)
    if not match or int(match[1]) == 0:
        raise ValueError("a rate such as 3/h, 20/m or 200/d, or off")
    return Rate(int(match[1]), _UNIT_S[match[2]])


def endpoint(value: str) -> Endpoint:
    """`127.0.0.1:8080` or `[::1]:8080`."""
    host, colon, port = value.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not colon or not host or bracketed != (":" in host) or not re.fullmatch(r"\d{1,5}", port, re.ASCII):
        raise ValueError("an address and a port such as 127.0.0.1:8080 or [::1]:8080")
    if int(port) > 65535:
        raise ValueError("a port up to 65535")
    return Endpoint(host, int(port))


def path(value: str) -> Path:
    if "\0" in value:
        raise ValueError("a file's path")
    return Path(value)


def sender(value: str) -> str:
    """The operator's own address; unlike a recipient's it may be at a local host."""
    try:
        address = Address(addr_spec=value)
    except (MessageError, ValueError, IndexError):
        address = Address()
    if not address.domain or not value.isascii() or address.addr_spec != value or "=?" in value:
        raise ValueError("one address such as alerts@example.com")
    return value


def recipients(value: str) -> tuple[str, ...]:
    """Comma-separated addresses and `@domains`, folded to lower case."""
    entries = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    for entry in entries:
        if entry.count("@") != 1 or entry.endswith("@") or not entry.isascii() or not entry.isprintable():
            raise ValueError("addresses and @domains separated by commas, such as me@example.com,@example.org")
    return entries
