"""Whatever bytes come over a connection, what goes back is answers of ours and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from config.values import Endpoint
from messaging.server import Server
from tests.fixtures.service import MakeService, Service, make_service
from tests.hostile.wire import Answer, exchange_to_the_end, exchange_until_its_end
from tests.nginx.conftest import folder, nginx
from tests.nginx.edge import Edge

__all__ = ["folder", "make_service", "nginx"]

_PIECES: Final = [
    b"GET /?sendmail=me@example.com HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /v1/emails HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 23\r\n\r\n",
    b"GET /?sendmail=me@example.com HTTP/1.1\r\n",
    b"GET /?talktome HTTP/1.0\r\n",
    b"POST / HTTP/1.1\r\n",
    b"POST /v1/emails HTTP/1.1\r\n",
    b"OPTIONS / HTTP/1.1\r\n",
    b"GET / HTTP/9.9\r\n",
    b"Host: a\r\n",
    b"Host: a\r\n\r\n",
    b"Content-Length: 9\r\n",
    b"Content-Length: 0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Content-Type: application/json\r\n",
    b"Content-Type: application/x-www-form-urlencoded\r\n",
    b'{"to":"me@example.com"}',
    b"sendmail=a@b.example",
    b"9\r\n",
    b"0\r\n\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b" ",
    b"\0",
]

_BYTES: Final = st.lists(st.sampled_from(_PIECES) | st.binary(max_size=20), max_size=12).map(b"".join)


@pytest.fixture
def served(make_service: MakeService) -> Iterator[tuple[Service, Endpoint]]:
    service = make_service(OPEN_PER_RECIPIENT="off", OPEN_PER_CLIENT="off", OPEN_TOTAL="off", REPEAT_WINDOW="0s")
    server = Server(service.application, Endpoint("127.0.0.1", 0), 4, service.settings.max_body_bytes)
    server.start()
    yield service, server.endpoint
    server.stop()
    server.join()


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_BYTES)
def test_whatever_bytes_come_each_mail_has_its_answer_and_none_is_a_5xx(
    served: tuple[Service, Endpoint], raw: bytes
) -> None:
    service, endpoint = served
    before = len(service.publisher.ids)
    check(service, before, exchange_to_the_end(endpoint, raw))


@pytest.fixture
def edge(nginx: str, folder: Path, served: tuple[Service, Endpoint]) -> Iterator[Edge]:
    """Nginx in front of the service, which waits for nobody who says nothing more."""
    edge = Edge(nginx, folder, str(served[1]))
    waits = ("client_header_timeout 10s", "client_body_timeout 10s", "keepalive_timeout 30s")
    edge.start({f" {wait};": f" {wait.split()[0]} 50ms;" for wait in waits})
    yield edge
    edge.stop()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_BYTES)
def test_so_it_is_through_nginx(served: tuple[Service, Endpoint], edge: Edge, raw: bytes) -> None:
    service, _ = served
    before = len(service.publisher.ids)
    check(service, before, exchange_until_its_end(edge.address, raw))


def check(service: Service, before: int, answers: list[Answer]) -> None:
    """See that each mail has its answer, and that all answers are ours.

    Args:
        service: who answered.
        before: how many mails it had published before that.
        answers: what came back.
    """
    statuses = [answer.status for answer in answers]
    event(str(statuses))
    assert all(status < 500 for status in statuses)
    assert len(service.publisher.ids) - before == statuses.count(202)
    for answer in answers:
        answer.raw_head.decode("ascii")
        assert len(answer.headers.get_all("X-Request-ID", [])) == 1
