"""Sends raw bytes over a connection and takes apart what comes back."""

import contextlib
import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import HTTP
from typing import Any, Final

#: Longer than any answer takes on a slow machine, in seconds.
PATIENCE_S: Final = 10.0

#: How long a server that waits for the rest of a request is watched, in seconds.
_QUIET_S: Final = 0.1

#: Sent after what is hostile: its answer shows that both sides agree where the next request begins.
_SENTINEL: Final = b"GET /healthz HTTP/1.1\r\nHost: sentinel\r\nConnection: close\r\n\r\n"

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2}) [ -~]*")

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """One answer as it came over the wire."""

    status: int
    headers: Message
    #: All of it, for what must not be in it.
    raw_head: bytes
    body: bytes

    @property
    def is_last(self) -> bool:
        return str(self.headers["Connection"]).lower() == "close"

    @property
    def id(self) -> str:
        return str(self.headers["X-Request-ID"])

    @property
    def document(self) -> dict[str, Any]:
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


def exchange(address: tuple[str, int], raw: bytes, *, waits: bool = False) -> list[Answer]:
    """Send bytes; returns the answers to them, all there were until the end of the connection.

    Args:
        address: where to.
        raw: what is sent.
        waits: whether the server is expected to say nothing yet.

    Raises:
        AssertionError: if what came back is not answers and nothing else.
        TimeoutError: if it does not end.
    """
    headless = raw.startswith(b"HEAD ")
    with socket.create_connection(address, _QUIET_S if waits else PATIENCE_S) as connection:
        _send(connection, raw)
        received = _receive(connection, lambda so_far: bool(_answers(so_far, headless)[0]))
        answers, _ = _answers(received, headless)
        if not answers:
            return []
        if not answers[-1].is_last:
            _send(connection, _SENTINEL)
        received += _receive(connection, lambda _: False)
    answers, rest = _answers(received, headless)
    assert rest == b"", rest
    assert answers[-1].is_last
    return answers[:-1] if answers[-1].body == b"ok\n" else answers


def exchange_to_the_end(address: tuple[str, int], raw: bytes) -> list[Answer]:
    """Send bytes and that they are all; returns the answers to them. Nginx would take that for a client that has left.

    Raises:
        AssertionError: if what came back is not answers and nothing else.
    """
    with socket.create_connection(address, PATIENCE_S) as connection:
        _send(connection, raw)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        return _all_answers(connection)


def exchange_until_its_end(address: tuple[str, int], raw: bytes) -> list[Answer]:
    """Send bytes and nothing more; returns the answers to them, until nobody waits for more on the other side.

    Raises:
        AssertionError: if what came back is not answers and nothing else.
    """
    with socket.create_connection(address, PATIENCE_S) as connection:
        _send(connection, raw)
        return _all_answers(connection)


def _all_answers(connection: socket.socket) -> list[Answer]:
    # A refusal says so: nothing is read after it.
    answers, rest = _answers(_receive(connection, lambda _: False), headless=False)
    assert rest == b"", rest
    return answers


def _send(connection: socket.socket, data: bytes) -> None:
    # The server may answer and close before it has read all.
    with contextlib.suppress(ConnectionError):
        connection.sendall(data)


def _receive(connection: socket.socket, is_enough: Callable[[bytes], bool]) -> bytes:
    """Read until there is enough, or the connection ends, or nobody says anything."""
    received = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        while not is_enough(received) and (data := connection.recv(65536)):
            received += data
    return received


def _answers(received: bytes, headless: bool) -> tuple[list[Answer], bytes]:
    """All whole answers, and what is left; the first has no body if it is to a HEAD."""
    found: list[Answer] = []
    while True:
        received = received.removeprefix(_CONTINUE)
        head, end, rest = received.partition(b"\r\n\r\n")
        if not end:
            return found, received
        line, _, fields = head.partition(b"\r\n")
        match = _STATUS_LINE.fullmatch(line)
        assert match, line
        headers = BytesHeaderParser(policy=HTTP).parsebytes(fields)
        status = int(match[1])
        bare = status == 204 or (headless and not found)
        length = 0 if bare else int(headers["Content-Length"])
        if len(rest) < length:
            return found, received
        found.append(Answer(status, headers, head, rest[:length]))
        received = rest[length:]
