"""Who is slow, silent or many: each limit of the configuration, made short where the test would have to wait for it."""

import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.fixtures.waiting import until
from tests.nginx.edge import TUNNEL, Edge
from tests.nginx.upstream import Reply, Upstream

_WHOLE = b"GET / HTTP/1.1\r\nHost: edge.example\r\n\r\n"
_HEAD = b"GET /?talktome HTTP/1.1\r\nHost: edge.example\r\nX-Slow: "
_BODY = b"POST / HTTP/1.1\r\nHost: edge.example\r\nContent-Length: 1000\r\n\r\nsendmail="

#: The short form of a limit, in seconds; and far more than it takes until it is seen.
_SHORT_S = 0.3
_LONG_S = 5.0


@contextmanager
def connected(edge: Edge, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(edge.address, timeout=10) as connection:
        connection.sendall(sent)
        yield connection


def ended_after_s(connection: socket.socket, dribbled: bytes = b"") -> float:
    """How long it takes until Nginx ends a connection, on which a byte comes now and then; it is in vain to wait on."""
    began = time.monotonic()
    connection.settimeout(0.02)
    while time.monotonic() - began < 2 * _LONG_S:
        try:
            connection.send(dribbled)
            if connection.recv(65536) == b"":
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("limit", "begun", "dribbled"),
    [
        # From the first byte of a header to its last; a byte now and then changes nothing.
        ("client_header_timeout 10s", _HEAD, b"x"),
        ("client_header_timeout 10s", _HEAD, b""),
        ("client_header_timeout 10s", b"", b""),
        # From one piece of a body to the next.
        ("client_body_timeout 10s", _BODY, b""),
        ("keepalive_timeout 30s", _WHOLE, b""),
    ],
    ids=["a dribbled header", "half a header", "nothing", "half a body", "nothing more"],
)
def test_who_says_nothing_more_is_not_waited_for(
    idle_edge: Edge, web: Upstream, limit: str, begun: bytes, dribbled: bytes
) -> None:
    name, _, _ = limit.partition(" ")
    idle_edge.start({f" {limit};": f" {name} {int(_SHORT_S * 1000)}ms;"})
    with connected(idle_edge, begun) as connection:
        assert 0.8 * _SHORT_S < ended_after_s(connection, dribbled) < _LONG_S
    assert len(web.requests()) == (1 if begun == _WHOLE else 0)


def test_who_does_not_read_an_answer_is_not_waited_for(idle_edge: Edge, web: Upstream) -> None:
    idle_edge.start({"send_timeout 10s": f"send_timeout {int(_SHORT_S * 1000)}ms"})
    web.reply = Reply(body=b"x" * 30_000_000)
    with connected(idle_edge) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(_WHOLE)
        received = 0
        time.sleep(4 * _SHORT_S)  # it is the client that is slow
        with contextlib.suppress(ConnectionError):
            while data := connection.recv(65536):
                received += len(data)
    assert received < 30_000_000


def test_one_client_may_have_256_requests_under_way_and_no_more(edge: Edge, web: Upstream) -> None:
    web.reply = Reply(hold=True)
    with ExitStack() as stack:
        held = [stack.enter_context(connected(edge, _WHOLE)) for _ in range(256)]
        until(lambda: web.arrived.qsize() == 256)
        assert edge.request().status == 429
        web.release()
        assert edge.request(client="127.0.0.3").status == 200, "another client is not meant"
        assert all(connection.recv(12) == b"HTTP/1.1 200" for connection in held)
    assert len(web.requests()) == 257


def test_a_network_of_ipv6_is_one_client_of_those_that_have_requests_under_way(idle_edge: Edge, web: Upstream) -> None:
    idle_edge.start({"limit_conn connections 256": "limit_conn connections 1"})
    web.reply = Reply(hold=True)
    by_way_of_the_tunnel = partial(idle_edge.request, client=TUNNEL)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(by_way_of_the_tunnel, headers={"X-Forwarded-For": "2001:db8:1:2::1"})
        until(lambda: web.arrived.qsize() == 1)
        assert by_way_of_the_tunnel(headers={"X-Forwarded-For": "2001:db8:1:2:a:b:c:d"}).status == 429
        web.release()
        assert by_way_of_the_tunnel(headers={"X-Forwarded-For": "2001:db8:1:3::1"}).status == 200
        assert first.result().status == 200


def test_a_thousand_at_once_are_let_through_and_then_a_hundred_a_second(nginx: str, folder: Path) -> None:
    """There is no web process: what is let through is a 502."""
    edge = Edge(nginx, folder, "127.0.0.1:9")
    edge.start()
    try:
        began = time.monotonic()
        statuses = [status for _ in range(20) for status in statuses_of(edge, 100)]
        refilled = 100 * (time.monotonic() - began)
        assert edge.request(client="127.0.0.3").status == 502, "another client is not meant"
    finally:
        edge.stop()
    assert statuses[:1000] == [b"502"] * 1000
    assert 1000 <= statuses.count(b"502") <= 1002 + refilled
    assert set(statuses) == {b"429", b"502"}


def statuses_of(edge: Edge, many: int) -> list[bytes]:
    """Send so many requests at once; returns their answers' statuses."""
    with connected(edge, _WHOLE * many) as connection:
        received = b""
        while received.count(b"\r\n\r\n{") < many and (data := connection.recv(65536)):
            received += data
    return [line.split()[1] for line in received.split(b"\n") if line.startswith(b"HTTP/1.1 ")]
