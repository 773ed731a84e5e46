"""What is said of who calls by a URL; whatever is advised lets nobody call himself what he likes."""

from ipaddress import ip_network

import pytest

from messaging.doctor.checks.hops import judge
from messaging.doctor.checks.reach import Reached
from messaging.doctor.finding import TroubleError

PROXIES = [ip_network("127.0.0.0/8"), ip_network("::1"), ip_network("10.0.0.2")]
URL = "https://mail.example.com"

#: The address that the doctor claims to have.
CLAIMED = "192.0.2.77"

ME, COLLEAGUE, SERVER, PUBLIC, OTHER = "192.168.1.20", "192.168.1.21", "192.168.1.5", "8.8.8.8", "9.9.9.9"


def judged(client: str, own: str, peer: str, trusted_proxies: int = 1) -> str:
    """The words, and after a cross the advice."""
    try:
        return judge(URL, Reached("it", client, own, peer), trusted_proxies, PROXIES)
    except TroubleError as error:
        return f"✗ {error}. {error.advice}"


@pytest.mark.parametrize(
    ("client", "own", "peer"),
    [
        (OTHER, ME, PUBLIC),  # by a tunnel, from behind a router
        (ME, ME, SERVER),  # in a LAN
        ("100.101.1.2", "100.101.1.2", "100.101.1.3"),  # on Tailscale
        (SERVER, SERVER, SERVER),  # on the machine itself
        ("2a00::/64", "2a00::7", "2a01::1"),
        ("fd00::/64", "fd00::7", "fd00::8"),
        ("::/64", "::1", "::1"),
        ("172.18.0.1", "127.0.0.1", "127.0.0.1"),  # the port of a container, forwarded
        ("192.168.1.1", ME, SERVER),  # a router between two networks
    ],
)
@pytest.mark.parametrize("trusted_proxies", [0, 1, 2])
def test_who_is_seen_as_itself_is_advised_nothing(client: str, own: str, peer: str, trusted_proxies: int) -> None:
    assert judged(client, own, peer, trusted_proxies) == f"by {URL} this machine is seen as {client}"


@pytest.mark.parametrize("own", [ME, OTHER])
def test_who_is_believed_from_elsewhere_is_not_to_be(own: str) -> None:
    assert judged(CLAIMED, own, PUBLIC).startswith("✗ by https://mail.example.com clients can call themselves")
    assert "Set TRUSTED_PROXIES=1: it is 2," in judged(CLAIMED, own, PUBLIC, 2)


@pytest.mark.parametrize(("own", "peer"), [("127.0.0.1", "127.0.0.1"), (SERVER, SERVER), ("10.0.0.2", SERVER)])
def test_where_proxies_call_from_who_asks_is_believed_as_they_are(own: str, peer: str) -> None:
    assert "as its proxy or tunnel has to be" in judged(CLAIMED, own, peer)


def test_clients_that_look_like_a_known_proxy_may_lack_a_hop_or_come_by_a_port() -> None:
    for client in ("127.0.0.1", "10.0.0.2"):
        told = judged(client, ME, PUBLIC)
        assert told.startswith("✗ ")
        assert "If one more HTTP proxy of yours is on the way" in told
        assert "TRUSTED_PROXIES=2" in told
        assert "if it is a forwarded port, leave it" in told


@pytest.mark.parametrize("client", [COLLEAGUE, "192.168.1.1", "100.101.1.2"])
def test_an_address_that_may_be_anybody_s_is_a_proxy_s_only_if_the_operator_knows_so(client: str) -> None:
    told = judged(client, ME, PUBLIC)
    assert told.startswith("✗ ")
    assert f"If a proxy of yours, and nobody else, calls from there, add {client} to PROXY_ADDRESSES" in told
    assert "TRUSTED_PROXIES=" not in told


def test_who_answers_and_looks_like_every_client_is_a_proxy() -> None:
    assert "add 192.168.1.5 to PROXY_ADDRESSES" in judged(SERVER, ME, SERVER)
