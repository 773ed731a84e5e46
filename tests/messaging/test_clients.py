"""Who a request comes from, for counting: what our own proxies wrote, and never what a client says about itself."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from messaging.clients import Clients

#: A proxy of ours on this machine: Nginx, or ngrok's agent.
PROXY = "127.0.0.1"

#: What anybody may write into the header, and a few things that nobody should.
GARBAGE = [
    "",
    ",",
    "unknown",
    "_hidden",
    "198.51.100",
    "198.51.100.300",
    "010.0.0.1",
    "198.51.100.7:port",
    "198.51.100.7:123456",
    "198.51.100.7/8",
    "198.51.100.7 203.0.113.9",
    "for=198.51.100.7",
    '"198.51.100.7"',
    "[::1",
    "::1]",
    "[198.51.100.7",
    "[]",
    "1:2",
    "2001:db8::1::2",
    "٣.٣.٣.٣",
    "198.51.100.7\0",
    "é",
    "a" * 9000,
    "1" * 9000,
]


def client(forwarded: str | None, peer: str = PROXY, proxies: int = 1, addresses: str | None = None) -> str:
    """Who it is by the settings as they are, but for what is given."""
    environ = {"TRUSTED_PROXIES": str(proxies), **({"PROXY_ADDRESSES": addresses} if addresses else {})}
    settings = Settings.load(environ)
    return Clients(settings.trusted_proxies, settings.proxy_addresses).name(peer, forwarded)


@pytest.mark.parametrize(
    ("forwarded", "proxies", "found"),
    [
        (None, 1, PROXY),
        ("198.51.100.7", 1, "198.51.100.7"),
        ("198.51.100.7", 0, PROXY),
        ("203.0.113.9, 198.51.100.7", 1, "198.51.100.7"),
        ("203.0.113.9,198.51.100.7", 1, "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", 2, "203.0.113.9"),
        ("evil, 203.0.113.9, 198.51.100.7", 2, "203.0.113.9"),
        # Fewer hops than there are proxies of ours: it did not pass them.
        ("198.51.100.7", 2, PROXY),
        (" 198.51.100.7\t", 1, "198.51.100.7"),
        ("198.51.100.7:4711", 1, "198.51.100.7"),
        ("[2001:db8:1:2::7]:4711", 1, "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::7]", 1, "2001:db8:1:2::/64"),
        ("[::ffff:198.51.100.7]:4711", 1, "198.51.100.7"),
    ],
)
def test_the_client_is_the_hop_that_our_own_proxies_wrote(forwarded: str | None, proxies: int, found: str) -> None:
    assert client(forwarded, proxies=proxies) == found


@pytest.mark.parametrize(
    ("peer", "named"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("192.168.0.9", "192.168.0.9"),
        ("10.0.0.9", "10.0.0.9"),
        ("172.17.0.1", "172.17.0.1"),
        ("169.254.1.1", "169.254.1.1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("fe80::7%eth0", "fe80::/64"),
        ("localhost", "localhost"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("forwarded", ["203.0.113.9", "127.0.0.1", "203.0.113.9, 127.0.0.1", "127.0.0.1, 127.0.0.1"])
def test_who_calls_from_elsewhere_is_who_calls_whatever_the_header_says(peer: str, named: str, forwarded: str) -> None:
    assert client(forwarded, peer) == client(None, peer) == named


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0:0:0:0:0:0:0:1"])
def test_proxies_of_this_machine_are_believed(peer: str) -> None:
    assert client("203.0.113.9, 198.51.100.7", peer) == "198.51.100.7"


def test_proxies_elsewhere_are_believed_where_the_operator_says_so_and_then_no_others() -> None:
    addresses = "192.168.183.11, 2001:db8:9::/48"
    for peer in ("192.168.183.11", "2001:db8:9:1::5"):
        assert client("198.51.100.7", peer, addresses=addresses) == "198.51.100.7"
    for peer in ("192.168.183.12", "2001:db8:8::5", PROXY):
        assert client("198.51.100.7", peer, addresses=addresses) == client(None, peer)


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_cannot_be_read_leaves_the_peer(garbage: str) -> None:
    assert client(garbage) == PROXY
    assert client(f"198.51.100.7, {garbage}") == PROXY


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_stands_before_our_hop_can_be_anything(garbage: str) -> None:
    assert client(f"{garbage},198.51.100.7") == "198.51.100.7"


def test_1000_hops_are_one_client() -> None:
    hops = [f"10.1.{number // 256}.{number % 256}" for number in range(1000)]
    assert client(", ".join([*hops, "198.51.100.7"])) == "198.51.100.7"
    assert client("," * 30_000 + "198.51.100.7") == "198.51.100.7"


def test_an_ipv6_client_is_its_network() -> None:
    network = "2001:db8:1:2::/64"
    spellings = (
        "2001:db8:1:2::1",
        "2001:DB8:1:2:ffff:ffff:ffff:ffff",
        "2001:0db8:0001:0002:0:0:0:1",
        f"{network[:-3]}a%1",
    )
    assert {client(spelling) for spelling in spellings} == {network}
    assert {client(None, spelling) for spelling in spellings} == {network}
    assert client("2001:db8:1:3::1") != network


@pytest.mark.parametrize("mapped", ["::ffff:198.51.100.7", "::FFFF:c633:6407", "[::ffff:198.51.100.7]:80"])
def test_an_ipv4_address_in_the_guise_of_ipv6_is_one(mapped: str) -> None:
    assert client(mapped) == client(None, mapped) == "198.51.100.7"


@given(st.text(max_size=200), st.text(max_size=200), st.integers(0, 3))
def test_whatever_the_header_says_there_is_a_client(peer: str, forwarded: str, proxies: int) -> None:
    clients = Clients(proxies, [ip_network("0.0.0.0/0"), ip_network("::/0")])
    assert len(clients.name(peer, forwarded)) <= 64
    assert client(forwarded, peer, proxies=0) == client(None, peer, proxies=0)


@given(st.text(max_size=50), st.lists(st.ip_addresses().map(str) | st.text(max_size=10), max_size=5))
def test_a_stranger_makes_themselves_nobody_else(claim: str, hops: list[str]) -> None:
    """Whatever they write, our proxy appends where they come from."""
    assert client(",".join([claim, *hops, "198.51.100.7"])) == "198.51.100.7"
