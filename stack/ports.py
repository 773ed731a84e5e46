"""Finds TCP ports to listen on, and tells which are taken."""

import errno
import random
import socket

#: Below the range from which systems take the local ports of outgoing connections: a server that is stopped finds its
#: port free again, and nobody's connection sits on it.
_LOWEST, _HIGHEST = 20000, 32767


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there.

    Raises:
        OSError: where the reason is not that somebody else listens (no such address, no permission).
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def free_port(preferred: int = 0, host: str = "127.0.0.1") -> int:
    """A port that is free now: the preferred one if it is."""
    while not preferred or not is_free(host, preferred):
        preferred = random.randint(_LOWEST, _HIGHEST)  # noqa: S311
    return preferred
