"""Connects to a host, within a time and so that it can be cut."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

#: Told of each socket as soon as there is one, before anybody waits for it: to cut it.
OnSocket = Callable[[socket.socket], None]

#: One of what `socket.getaddrinfo` finds.
_Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


def dial(host: str, port: int, timeout_s: float, on_socket: OnSocket) -> socket.socket:
    """Connect to the first address of `host` that answers, all of them within `timeout_s`."""
    give_up_at = time.monotonic() + timeout_s
    addresses = _look_up(host, port, timeout_s, on_socket)
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


def _look_up(host: str, port: int, timeout_s: float, on_socket: OnSocket) -> Sequence[_Address]:
    """Find the addresses of `host` within `timeout_s`.

    The system may take minutes where name servers are silent, and nothing can cut that. So it goes on in a thread of
    its own, and a socket stands for it that can be cut.
    """
    found: Future[Sequence[_Address]] = Future()
    ours, theirs = socket.socketpair()

    def look_up() -> None:
        with theirs:
            try:
                found.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except (OSError, ValueError) as error:
                found.set_exception(error)

    with ours:
        on_socket(ours)
        ours.settimeout(timeout_s)
        threading.Thread(target=look_up, name="look-up", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            ours.recv(1)  # nothing ever comes: the other end is closed
    if not found.done():
        raise OSError(f"the address of {host} was not found in time")
    return found.result()
