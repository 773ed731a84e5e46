"""Connects to a host, within a time and so that it can be cut."""

import socket
import time
from collections.abc import Callable

#: Told of each socket as soon as there is one, before anybody waits for it: to cut it.
OnSocket = Callable[[socket.socket], None]


def dial(host: str, port: int, timeout_s: float, on_socket: OnSocket) -> socket.socket:
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
