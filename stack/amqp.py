"""Tells a broker that is ready from one that is not, or from none."""

import socket
from typing import Final

#: AMQP 0-9-1, 4.2.2: a client opens with this, and a server that takes it answers with a method frame (type 1).
_HEADER: Final = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME: Final = b"\x01"

_WAIT_S: Final = 5.0


def answers(host: str, port: int) -> bool:
    """Whether a broker speaks AMQP there."""
    try:
        with socket.create_connection((host, port), timeout=_WAIT_S) as connection:
            connection.sendall(_HEADER)
            return connection.recv(1) == _METHOD_FRAME
    except OSError:
        return False
