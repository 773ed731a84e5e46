"""A relay's name is looked up and its address connected to within a time, whatever the name servers do."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.fixtures.waiting import until
from tests.workers.transports.relays import numbered, transport_to
from workers.errors import RelayError
from workers.transports import smtp_opening as opening_module
from workers.transports.dialing import dial

pytestmark = pytest.mark.slow

_URL = "smtp://relay.example.org:25?tls=none"


@pytest.fixture
def look_ups(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names that were asked for while the name servers are silent."""
    asked: list[str] = []
    over = threading.Event()

    def hang(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield asked
    over.set()
    until(lambda: "look-up" not in {thread.name for thread in threading.enumerate()})


@pytest.mark.parametrize("limit", ["for each wait", "for all of it"])
def test_name_servers_that_are_silent_are_not_waited_for_long(
    look_ups: list[str], limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if limit == "for each wait":
        monkeypatch.setattr(opening_module, "CONNECT_TIMEOUT_S", 0.2)
    began = time.monotonic()
    with (
        transport_to(_URL, conversation_timeout_s=20.0 if limit == "for each wait" else 0.2) as transport,
        pytest.raises(RelayError, match=r"relay\.example\.org was not found in time") as raised,
    ):
        transport.deliver(numbered(0))
    assert 0.2 <= time.monotonic() - began < 5
    assert raised.value.code is None
    assert look_ups == ["relay.example.org"]


def test_a_process_that_ends_does_not_wait_for_them(look_ups: list[str]) -> None:
    errors: list[RelayError] = []

    def talk() -> None:
        try:
            transport.deliver(numbered(0))
        except RelayError as error:
            errors.append(error)

    with transport_to(_URL) as transport:
        threads = [threading.Thread(target=talk) for _ in range(3)]
        for thread in threads:
            thread.start()
        until(lambda: look_ups)
        transport.abort()
        for thread in threads:
            thread.join(5)
    assert [error.code for error in errors] == [None] * 3


def test_the_first_address_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as away, socket.create_server(("127.0.0.1", 0)) as there:
        addresses = [away.getsockname(), there.getsockname()]
        away.close()
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        told: list[socket.socket] = []
        with dial("relay.example.org", 25, 5.0, told.append) as connection:
            assert connection.getpeername() == addresses[1]
            # One while the name was looked up, and one for each address.
            assert [one.fileno() == -1 for one in told] == [True, True, False]


def test_a_name_without_an_address_is_said_to_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(OSError, match=r"relay\.example\.org has no address"):
        dial("relay.example.org", 25, 5.0, lambda _: None)
