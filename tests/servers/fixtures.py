"""Fixtures for real servers; a folder of tests that wants them names them in its conftest.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.nginx import Edge, Nginx
from stack.rabbitmq import RabbitMQ
from tests.servers.availability import require
from tests.servers.ports import free_address
from tests.servers.sink import SmtpSink
from tests.servers.smtp import SmtpServer

#: What MAX_BODY_BYTES is by default.
_MAX_BODY_BYTES = 262144


@pytest.fixture(scope="session")
def rabbitmq_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """The run's own node, started once: take `rabbitmq` instead of this."""
    require("rabbitmq")
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as node:
        yield node


@pytest.fixture
def rabbitmq(rabbitmq_node: RabbitMQ) -> Iterator[RabbitMQ]:
    """The run's own node; a test may stop, kill, freeze or wipe it: the next one finds it up."""
    rabbitmq_node.thaw()
    rabbitmq_node.start()
    yield rabbitmq_node
    rabbitmq_node.thaw()
    rabbitmq_node.start()


@pytest.fixture
def broker_url(rabbitmq: RabbitMQ) -> str:
    """A virtual host of the test's own: no other test's messages are in it. (Wiping the node takes it away.)"""
    return rabbitmq.fresh_vhost()


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    """A scripted relay that takes every mail until it is told otherwise."""
    with SmtpServer() as server:
        yield server


@pytest.fixture
def smtp_sink() -> Iterator[SmtpSink]:
    """Postfix's smtp-sink, for many mails."""
    require("smtp-sink")
    with SmtpSink() as sink:
        yield sink


@pytest.fixture
def web_address() -> str:
    """Where `nginx` expects the web process."""
    return free_address()


@pytest.fixture
def nginx(tmp_path: Path, web_address: str) -> Iterator[Nginx]:
    """The edge, in front of `web_address`."""
    require("nginx")
    with Nginx(Edge(free_address(), web_address, _MAX_BODY_BYTES, tmp_path / "nginx")) as edge:
        yield edge
