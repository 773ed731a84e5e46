"""Loopback addresses for the servers that a test starts, and a look at whether one listens there."""

import socket

from stack.ports import free_port
from tests.fixtures.waiting import PATIENCE_S, until


def free_address() -> str:
    """`127.0.0.1:PORT`, with a port that nobody uses and that no outgoing connection will get."""
    return f"127.0.0.1:{free_port()}"


def listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def until_listening(address: str, within_s: float = PATIENCE_S) -> None:
    until(lambda: listens(address), within_s)
