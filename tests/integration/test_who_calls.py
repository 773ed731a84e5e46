"""Who a stranger is for the limits, whichever way they come in: through an edge, a tunnel, both or neither."""

import contextlib
import itertools
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.values import endpoint
from stack.nginx import Edge, Nginx
from tests.fixtures.sockets import Connection
from tests.fixtures.storage import connected
from tests.integration.system import System, ask
from tests.servers.availability import require
from tests.servers.ports import free_address

#: Loopback addresses of their own: the web process's proxy, ngrok's agent where Nginx is told of one, and a stranger.
PROXY, TUNNEL, STRANGER = "127.0.0.1", "127.0.0.2", "127.0.0.3"

LIMITS = {"OPEN_PER_RECIPIENT": "off", "OPEN_TOTAL": "off", "OPEN_PER_CLIENT": "2/h", "PROXY_ADDRESSES": PROXY}

#: Header fields by which a client says that it is another one each time.
Claims = Callable[[int], dict[str, str]]

CLAIMS: dict[str, Claims] = {
    "nothing": lambda number: {},
    "X-Forwarded-For": lambda number: {"X-Forwarded-For": f"198.51.100.{number}"},
    "of two hops": lambda number: {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.{number}"},
    "of a proxy": lambda number: {"X-Forwarded-For": f"198.51.100.{number}, {PROXY}"},
    "of 1000 hops": lambda number: {"X-Forwarded-For": ", ".join([f"10.0.{number}.{at % 250}" for at in range(1000)])},
    "with a port": lambda number: {"X-Forwarded-For": f"[2001:db8:{number}::1]:4711"},
    "Forwarded": lambda number: {"Forwarded": f"for=198.51.100.{number};proto=https"},
    "all others": lambda number: dict.fromkeys(
        ("X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "X_Forwarded_For", "X-Forwarded"),
        f"198.51.100.{number}",
    ),
}

every_claim = pytest.mark.parametrize("claim", [pytest.param(claim, id=name) for name, claim in CLAIMS.items()])


@pytest.fixture(scope="module")
def numbers() -> "itertools.count[int]":
    """Tells the mails of this module's tests apart."""
    return itertools.count()


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), LIMITS) as system:
        yield system


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, system: System) -> Iterator[Nginx]:
    require("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    with Nginx(Edge(free_address(), system.address, 262144, folder, tunnel=TUNNEL)) as nginx:
        yield nginx


@contextlib.contextmanager
def forgotten(system: System) -> Iterator[None]:
    """Without what was counted before."""
    with connected(system.folder / "var" / "messaging.db") as connection:
        connection.execute("DELETE FROM uses")
    yield


def sent(address: str, client: str, fields: list[dict[str, str]], numbers: Iterator[int]) -> list[int]:
    """Send a mail with each of the header fields; returns the statuses."""
    return [
        ask(address, "GET", f"/?sendmail=user{next(numbers)}@example.com", headers=each, client=client).status
        for each in fields
    ]


@every_claim
def test_who_reaches_the_web_process_itself_is_one_client(
    system: System, claim: Claims, numbers: Iterator[int]
) -> None:
    with forgotten(system):
        assert sent(system.address, STRANGER, [claim(at) for at in range(3)], numbers) == [202, 202, 429]


@every_claim
def test_who_comes_through_nginx_is_one_client(
    system: System, edge: Nginx, claim: Claims, numbers: Iterator[int]
) -> None:
    address = edge.url.removeprefix("http://")
    with forgotten(system):
        # 1000 hops are more than Nginx reads.
        found = sent(address, STRANGER, [claim(at) for at in range(3)], numbers)
        assert found in ([202, 202, 429], [431] * 3)
        assert sent(address, "127.0.0.4", [{}] * 3, numbers) == [202, 202, 429], "another one is another one"


@pytest.mark.parametrize("way", ["ngrok", "ngrok and Nginx"])
def test_who_comes_through_the_tunnel_is_who_its_agent_saw(
    system: System, edge: Nginx, way: str, numbers: Iterator[int]
) -> None:
    """The agent appends the address that it saw to what the client claimed."""
    address, agent = (system.address, PROXY) if way == "ngrok" else (edge.url.removeprefix("http://"), TUNNEL)
    claims = ["", "198.51.100.1, ", "198.51.100.2,203.0.113.8, ", "nonsense, ", "127.0.0.1, ", "[::1]:80, "]
    with forgotten(system):
        one = [{"X-Forwarded-For": f"{claim}203.0.113.9"} for claim in claims]
        assert sent(address, agent, one, numbers) == [202, 202, 429, 429, 429, 429]
        another = [{"X-Forwarded-For": f"203.0.113.9, 2001:db8:1:2::{at}"} for at in range(3)]
        assert sent(address, agent, another, numbers) == [202, 202, 429]


def test_of_two_header_fields_the_last_hop_counts(system: System, numbers: Iterator[int]) -> None:
    def status(claim: str) -> int:
        with Connection(endpoint(system.address)) as connection:
            target = f"/?sendmail=user{next(numbers)}@example.com"
            connection.get(target, f"X-Forwarded-For: {claim}", "X-Forwarded-For: 203.0.113.9", "Connection: close")
            return connection.answer().status

    with forgotten(system):
        assert [status(f"198.51.100.{at}") for at in range(3)] == [202, 202, 429]


def own_address() -> str:
    """An address of this machine that others reach it by, found without a packet sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback's")
        return str(probe.getsockname()[0])


def test_a_service_that_listens_everywhere_believes_only_what_loopback_says(
    tmp_path: Path, numbers: Iterator[int]
) -> None:
    """By the settings as they are; nor is a private address, such as most machines', one of a proxy of ours."""
    outside = own_address()
    port = free_address().rpartition(":")[2]
    environ = {**LIMITS, "PROXY_ADDRESSES": "", "LISTEN": f"0.0.0.0:{port}"}
    fields = [{"X-Forwarded-For": f"198.51.100.{at}"} for at in range(3)]
    with System(tmp_path, environ, web_address=f"127.0.0.1:{port}"):
        assert sent(f"{outside}:{port}", outside, fields, numbers) == [202, 202, 429]
        assert sent(f"127.0.0.1:{port}", PROXY, fields, numbers) == [202] * 3
