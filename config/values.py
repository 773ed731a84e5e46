"""Parsers of the values that a setting may have: text in, typed value or `ValueError` out.

The text of the `ValueError` says what is allowed, in words that fit after "allowed:".
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, NamedTuple
from unicodedata import category

from config.secret import Secret

_DURATION = re.compile(r"(\d{1,12})(ms|s|m|h|d)", re.ASCII)
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE = re.compile(r"(\d{1,9})/(s|m|h|d)", re.ASCII)

#: A name that this machine may have for somebody, or any.
_LOCAL_NAME = re.compile(r"[a-z0-9_][a-z0-9_.+-]*|\*", re.ASCII)

#: Longest duration, in seconds: a year. Far longer ones overflow what threads can wait for and what a date can say.
_MOST_S = 365 * 86400.0

#: Characters of a subject; far above what anybody reads, far below what relays refuse.
MOST_SUBJECT: Final = 500

#: RFC 5321, section 4.5.3.1.3: a path has at most 256 octets, two of them its angle brackets.
MOST_ADDRESS: Final = 254

#: Control characters, lone surrogates, and separators of lines and paragraphs. What else Python calls not printable is
#: in everyday use: no-break spaces, the joiners of emoji and of Persian, emoji younger than Python's tables.
_NOT_IN_A_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Endpoint(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def reachable(self) -> "Endpoint":
        """Where this machine reaches it, if it listens at any address."""
        return Endpoint({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host), self.port)  # noqa: S104


class Rate(NamedTuple):
    """At most so many in any `period_s` seconds."""

    at_most: int
    period_s: float

    def __str__(self) -> str:
        return f"{self.at_most}/{next(unit for unit, seconds in _UNIT_S.items() if seconds == self.period_s)}"


def text(value: str) -> str:
    """A text that may stand in a mail; bytes of the environment that are not UTF-8 arrive as lone surrogates."""
    if "\0" in value or any(category(character) == "Cs" for character in value):
        raise ValueError("a text in UTF-8")
    return value


def ascii_text(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("printable ASCII characters")
    return value


def password(value: str) -> Secret:
    return Secret(ascii_text(value))


def line(value: str) -> str:
    """A text that may stand in a mail's header field."""
    if len(value) > MOST_SUBJECT or not is_one_line(value) or "=?" in value:
        raise ValueError(f'one line of at most {MOST_SUBJECT} characters without "=?"')
    return value


def is_one_line(value: str) -> bool:
    """Whether nobody can take `value` for more than one line, or for anything else than text."""
    return value.isprintable() or not any(category(character) in _NOT_IN_A_LINE for character in value)


def as_one_line(value: str) -> str:
    """A text as it can stand in a log: what is not printable is written as Python's strings write it."""
    return value if value.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in value)


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
    if not match or (seconds := int(match[1]) * _UNIT_S[match[2]]) > _MOST_S:
        raise ValueError("a duration such as 500ms, 30s, 10m, 2h or 7d, up to 365d")
    return seconds


def positive_duration(value: str) -> float:
    seconds = duration(value)
    if seconds <= 0:
        raise ValueError("a duration above zero such as 500ms, 30s, 10m, 2h or 7d, up to 365d")
    return seconds


def optional_duration(value: str) -> float | None:
    """A duration above zero, in seconds; `off` as none."""
    if value.lower() == "off":
        return None
    try:
        return positive_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from None


def durations(value: str) -> tuple[float, ...]:
    """A comma-separated list of durations above zero, in seconds."""
    try:
        return tuple(positive_duration(part.strip()) for part in value.split(","))
    except ValueError:
        raise ValueError("durations above zero and up to 365d, separated by commas, such as 1m,5m,2h") from None


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
    whole = colon and host and host.isascii() and bracketed == (":" in host)
    if not whole or not re.fullmatch(r"\d{1,5}", port, re.ASCII):
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
    from email.headerregistry import Address  # as dear as all else here, and few who parse values need it

    try:
        address = Address(addr_spec=value)
    except Exception:  # its parser's own bugs show as AttributeError, IndexError and others
        address = Address()
    printable = value.isascii() and value.isprintable()
    if not address.domain or not printable or address.addr_spec != value or "=?" in value or len(value) > MOST_ADDRESS:
        raise ValueError("one address such as alerts@example.com")
    return value


def recipients(value: str) -> tuple[str, ...]:
    """Comma-separated addresses and `@domains`, folded to lower case."""
    entries = tuple(part.strip().lower() for part in value.split(",") if part.strip())
    for entry in entries:
        plain = entry.isascii() and entry.isprintable() and " " not in entry
        if entry.count("@") != 1 or entry.endswith("@") or not plain:
            raise ValueError("addresses and @domains separated by commas, such as me@example.com,@example.org")
    return entries


def aliases(value: str) -> tuple[tuple[str, str], ...]:
    """`root=me@example.com,*=you@example.com`: local names, in lower case, and whose they are; `*` is any other."""
    pairs = tuple(tuple(map(str.strip, part.split("=", 1))) for part in value.split(",") if part.strip())
    entries = {pair[0].lower(): pair[-1] for pair in pairs}
    for name, address in entries.items():
        plain = address.isascii() and address.isprintable() and " " not in address
        if not _LOCAL_NAME.fullmatch(name) or not plain or not re.fullmatch(r"[^@]+@[^@]+", address):
            raise ValueError("NAME=ADDRESS separated by commas, such as root=me@example.com; the name * is any other")
    if len(entries) != len(pairs):
        raise ValueError("each name once")
    return tuple(entries.items())


def networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Comma-separated addresses and networks; an address is a network of one."""
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError:
        raise ValueError("addresses and networks separated by commas, such as 127.0.0.1,10.0.0.0/8,::1") from None
