"""The edge as the stack runs it: rendered exactly, started, ended."""

import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.errors import ServerError
from stack.nginx import Edge, Nginx
from tests.nginx.upstream import Upstream
from tests.servers.availability import require
from tests.servers.ports import free_address, listens


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    return Edge("127.0.0.1:8000", "127.0.0.1:8080", 1000, tmp_path / "run")


@pytest.fixture
def web() -> Iterator[Upstream]:
    upstream = Upstream()
    upstream.start()
    yield upstream
    upstream.stop()


@pytest.fixture
def live(edge: Edge, web: Upstream) -> Edge:
    require("nginx")
    return dataclasses.replace(edge, listen=free_address(), web=web.address)


def test_exactly_the_six_placeholders_are_replaced(edge: Edge) -> None:
    template = (
        "listen ${EDGE_LISTEN}; server ${WEB_ADDRESS}; size ${MAX_BODY_BYTES}; rate ${EDGE_RATE}; pid ${RUN_DIR}/pid;"
        " from ${TUNNEL_ADDRESS}; keep $remote_addr ${scheme} $EDGE_LISTEN ${OTHER};"
    )
    assert edge.render(template) == (
        f"listen 127.0.0.1:8000; server 127.0.0.1:8080; size 1000; rate 100; pid {edge.run_directory}/pid;"
        " from 127.0.0.1; keep $remote_addr ${scheme} $EDGE_LISTEN ${OTHER};"
    )


def test_requests_reach_the_web_process(live: Edge) -> None:
    with Nginx(live):
        assert live.healthy()


def test_an_edge_whose_web_process_is_away_is_not_healthy(live: Edge) -> None:
    away = dataclasses.replace(live, web=free_address())
    with Nginx(away):
        assert not away.healthy()


def test_nothing_listens_after_it_has_ended(live: Edge) -> None:
    with Nginx(live):
        assert listens(live.listen)
    assert not listens(live.listen)


def test_it_can_be_started_again_in_the_same_directory(live: Edge) -> None:
    for _ in range(2):
        with Nginx(live):
            assert live.healthy()


def test_a_start_that_fails_tells_nginx_own_reason(live: Edge) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        busy = dataclasses.replace(live, listen=f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ServerError, match="Address already in use"), Nginx(busy):
            pass
