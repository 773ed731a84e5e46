"""Who a request comes from, for counting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.clients import client_of

PEER = "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded", "trusted", "client"),
    [
        (None, 1, PEER),
        ("198.51.100.7", 1, "198.51.100.7"),
        ("198.51.100.7", 0, PEER),
        ("203.0.113.9, 198.51.100.7", 1, "198.51.100.7"),
        ("203.0.113.9,198.51.100.7", 1, "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", 2, "203.0.113.9"),
        ("evil, 203.0.113.9, 198.51.100.7", 2, "203.0.113.9"),
        # Fewer hops than there are proxies of ours: it did not pass them.
        ("198.51.100.7", 2, PEER),
        (" 198.51.100.7 ", 1, "198.51.100.7"),
        ("198.51.100.7:4711", 1, "198.51.100.7"),
        ("[2001:db8:1:2::7]:4711", 1, "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::7]", 1, "2001:db8:1:2::/64"),
    ],
)
def test_the_client_is_the_hop_that_our_own_proxies_wrote(forwarded: str | None, trusted: int, client: str) -> None:
    assert client_of(PEER, forwarded, trusted) == client


@pytest.mark.parametrize(
    "malformed",
    ["", ",", "unknown", "198.51.100.7,", "198.51.100", "198.51.100.300", "010.0.0.1", "[::1", "a" * 9000, "1:2", "é"],
)
def test_what_cannot_be_read_leaves_the_peer(malformed: str) -> None:
    assert client_of(PEER, malformed, 1) == (PEER if malformed != "[::1" else "::/64")


def test_an_ipv6_client_is_its_network() -> None:
    network = "2001:db8:1:2::/64"
    spellings = (
        "2001:db8:1:2::1",
        "2001:DB8:1:2:ffff:ffff:ffff:ffff",
        "2001:0db8:0001:0002:0:0:0:1",
        f"{network[:-3]}a%1",
    )
    assert {client_of(PEER, spelling, 1) for spelling in spellings} == {network}
    assert {client_of(spelling, None, 1) for spelling in spellings} == {network}
    assert client_of(PEER, "2001:db8:1:3::1", 1) != network


@pytest.mark.parametrize("mapped", ["::ffff:198.51.100.7", "::FFFF:c633:6407", "[::ffff:198.51.100.7]:80"])
def test_an_ipv4_address_in_the_guise_of_ipv6_is_one(mapped: str) -> None:
    assert client_of(PEER, mapped, 1) == client_of(mapped, None, 1) == "198.51.100.7"


def test_a_peer_that_is_no_address_is_named_as_it_is() -> None:
    assert client_of("localhost", None, 1) == "localhost"
    assert client_of("", None, 1) == ""


@given(st.text(max_size=200), st.text(max_size=200), st.integers(0, 3))
def test_whatever_the_header_says_there_is_a_client(peer: str, forwarded: str, trusted: int) -> None:
    assert len(client_of(peer, forwarded, trusted)) <= 64
    assert client_of(peer, forwarded, 0) == client_of(peer, None, trusted)
