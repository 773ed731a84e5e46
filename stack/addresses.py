"""Where the parts of the stack listen and what Nginx lets in, settled before any of them starts."""

import errno
import ipaddress
import os
import socket
from collections.abc import Mapping

from config.errors import SettingError
from config.values import Endpoint, endpoint, integer
from stack.errors import StackError
from stack.ports import is_free


def edge_listen(environ: Mapping[str, str]) -> Endpoint:
    """Nginx's address: `EDGE_LISTEN`, which is the stack's own setting.

    Raises:
        SettingError: it cannot be used.
    """
    text = environ.get("EDGE_LISTEN") or "127.0.0.1:8000"
    try:
        return endpoint(text)
    except ValueError as error:
        raise SettingError("EDGE_LISTEN", f'"{text}" cannot be used', str(error)) from None


def tunnel_address(environ: Mapping[str, str]) -> str:
    """Where the ngrok agent connects from: `TUNNEL_ADDRESS`, which is the stack's own setting.

    Raises:
        SettingError: it cannot be used.
    """
    text = environ.get("TUNNEL_ADDRESS") or "127.0.0.1"
    try:
        return str(ipaddress.ip_network(text)) if "/" in text else str(ipaddress.ip_address(text))
    except ValueError:
        allowed = "an address or a network such as 127.0.0.1 or 10.0.0.0/8"
        raise SettingError("TUNNEL_ADDRESS", f'"{text}" cannot be used', allowed) from None


def edge_rate(environ: Mapping[str, str]) -> int:
    """How many requests a second Nginx lets one client go on sending: `EDGE_RATE`, which is the stack's own setting.

    Raises:
        SettingError: it cannot be used.
    """
    text = environ.get("EDGE_RATE") or "100"
    try:
        return integer(1, 1_000_000)(text)
    except ValueError as error:
        raise SettingError("EDGE_RATE", f'"{text}" cannot be used', str(error)) from None


def check_free(listeners: Mapping[str, Endpoint]) -> None:
    """See that every address can be listened on.

    Args:
        listeners: by the setting that says so.

    Raises:
        StackError: one cannot; the text is the line that says which.
    """
    seen: dict[Endpoint, str] = {}
    for name, where in listeners.items():
        if where in seen:
            raise StackError(f"{seen[where]} and {name} are both {where}; one of them has to be another address")
        seen[where] = name
        try:
            free = is_free(where.host, where.port)
            reason = os.strerror(errno.EADDRINUSE)
        except OSError as error:
            free, reason = False, error.strerror or str(error)
        if not free:
            raise StackError(f"{where} cannot be listened on ({reason}); {name} names another address")


def reachable(where: Endpoint) -> Endpoint:
    """How one reaches, from this machine, what listens there: by a number, and not by "any address"."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(where.host, where.host)  # noqa: S104
    address = socket.getaddrinfo(host, where.port, type=socket.SOCK_STREAM)[0][4]
    return Endpoint(str(address[0]), where.port)
