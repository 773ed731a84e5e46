"""Hundreds of clients that begin a request and do not end it hold up nobody else."""

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.hostile.target import ALONE, EDGE, Target

#: Where slow clients come from: Nginx takes each for a client of its own, which may have 256 requests under way.
_FROM = ["127.0.0.11", "127.0.0.12", "127.0.0.13"]

_HALF_OPEN = b"GET /?talktome HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
_SLOW_BODY = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 100000\r\n\r\nsendmail="
)
_EACH = 300

#: As many requests as fit into what is read at once, each with an answer of some 80 KB.
_LARGE = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 190
_DEAF = 60

#: What such a connection may take, in bytes; without a limit it would be the answers to all of them, 15 MB.
_MOST_OF_EACH = 1_000_000

_NORMAL = b"GET /?sendmail=me%d@example.com HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_MANY = 400


@contextmanager
def slow_clients(address: tuple[str, int]) -> Iterator[list[socket.socket]]:
    """Connections whose requests go on a byte at a time, for as long as the block lasts."""
    with ExitStack() as stack:
        sockets = []
        for number in range(2 * _EACH):
            source = (_FROM[number % len(_FROM)], 0)
            connection = stack.enter_context(socket.create_connection(address, 10, source))
            connection.sendall(_HALF_OPEN if number % 2 else _SLOW_BODY)
            sockets.append(connection)
        ended = threading.Event()
        dribbling = threading.Thread(target=_dribble, args=(sockets, ended))
        dribbling.start()
        try:
            yield sockets
        finally:
            ended.set()
            dribbling.join()


def _dribble(sockets: list[socket.socket], ended: threading.Event) -> None:
    while not ended.wait(0.2):
        for each in sockets:
            with contextlib.suppress(OSError):
                each.send(b"x")


def is_open(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def ask(address: tuple[str, int], number: int) -> float:
    """Have a mail accepted; returns how long that took, in seconds."""
    began = time.monotonic()
    with socket.create_connection(address, 10) as connection:
        connection.sendall(_NORMAL % number)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 202 "), answer
    return time.monotonic() - began


def took_s(address: tuple[str, int]) -> float:
    """How long 99 of 100 have to wait at the most who ask now."""
    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(partial(ask, address), range(_MANY)))[_MANY * 99 // 100]


@pytest.mark.alone
@pytest.mark.parametrize("way", [ALONE, EDGE])
def test_under_600_slow_clients_nobody_else_waits(target: Target, way: str) -> None:
    address = target.address(way)
    with slow_clients(address) as slow:
        assert took_s(address) < 0.5
        assert sum(map(is_open, slow)) == 2 * _EACH


@pytest.mark.alone
def test_who_asks_much_and_reads_nothing_takes_little_memory_and_holds_up_nobody(target: Target) -> None:
    address = target.address(ALONE)
    before = memory_of(target)
    with ExitStack() as stack:
        deaf = [stack.enter_context(socket.create_connection(address, 10)) for _ in range(_DEAF)]
        for each in deaf:
            each.sendall(_LARGE)
        for each in deaf:
            assert each.recv(1, socket.MSG_PEEK)
        assert took_s(address) < 0.5
        assert memory_of(target) - before < _DEAF * _MOST_OF_EACH


def memory_of(target: Target) -> int:
    """What the web process takes, in bytes."""
    resident = Path(f"/proc/{target.system.web.process.pid}/statm").read_text().split()[1]
    return int(resident) * resource.getpagesize()
