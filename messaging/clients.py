"""Which client a request comes from, as far as that can be known, for counting."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Final

#: Characters of the longest address, with a port: nothing longer is looked at.
_MOST: Final = 64

#: RFC 6177: the least that a site is given; who has it has 2^64 addresses to come from.
_SITE_BITS: Final = 64


def client_of(peer: str, forwarded: str | None, trusted_proxies: int) -> str:
    """Name the client: an IPv4 address, or the network of an IPv6 address.

    Each proxy appends the address that it was called from, so what our own ones wrote is counted from the right; what
    stands before that is the client's own claim.

    Args:
        peer: who called us (`REMOTE_ADDR`).
        forwarded: the header field `X-Forwarded-For`; the peer is the client where that says nothing that can be read.
        trusted_proxies: how many proxies of ours a request passes.
    """
    hops = forwarded.split(",") if forwarded and trusted_proxies else []
    client = _name_of(hops[-trusted_proxies][:_MOST]) if len(hops) >= trusted_proxies > 0 else ""
    return client or _name_of(peer[:_MOST]) or peer[:_MOST]


@lru_cache(maxsize=4096)
def _name_of(text: str) -> str:
    """What a client of that address is named; empty if it is none."""
    text = text.strip()
    # Some proxies write the port, too: 192.0.2.1:4711, [2001:db8::1]:4711.
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address, _SITE_BITS), strict=False))
