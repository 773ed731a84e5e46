"""Which client a request comes from, as far as that can be known, for counting."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

#: Characters of the longest address, with a port: nothing longer is looked at.
_MOST: Final = 64

#: RFC 6177: the least that a site is given; who has it has 2^64 addresses to come from.
_SITE_BITS: Final = 64

#: Some proxies write the port, too: 192.0.2.1:4711, [2001:db8::1]:4711. A number tells where in a link-local network:
#: fe80::1%eth0.
_SPELLED: Final = re.compile(
    r"\[([0-9A-Fa-f:.]+)\](?::\d{1,5})?|([0-9.]+)(?::\d{1,5})?|([0-9A-Fa-f:.]+)(?:%\w+)?", re.ASCII
)


class Clients:
    """Names clients; what a client says about itself never counts.

    Each proxy appends the address that it was called from to `X-Forwarded-For`, so what our own ones wrote is counted
    from the right, and what stands before that is the client's own claim. All of it is the client's where no proxy of
    ours called us, so the header of any other peer is not read.

    Args:
        proxies: how many proxies of ours a request passes.
        addresses: where the last of them, which calls us, may come from.
    """

    def __init__(self, proxies: int, addresses: Sequence[IPv4Network | IPv6Network]) -> None:
        self._proxies = proxies
        self._addresses = tuple(addresses)
        self._is_proxy = lru_cache(maxsize=1024)(self._look_up)

    def name(self, peer: str, forwarded: str | None) -> str:
        """Name the client: an IPv4 address, or the network of an IPv6 address.

        Args:
            peer: who called us (`REMOTE_ADDR`); it is the client where the header says nothing that can be read.
            forwarded: the header field `X-Forwarded-For`.
        """
        client = ""
        if forwarded and self._proxies and self._is_proxy(peer):
            hops = forwarded.rsplit(",", self._proxies)
            if len(hops) >= self._proxies:
                client = _name_of(hops[-self._proxies][:_MOST])
        return client or _name_of(peer[:_MOST]) or peer[:_MOST]

    def _look_up(self, peer: str) -> bool:
        address = _parsed(peer)
        return address is not None and any(address in network for network in self._addresses)


@lru_cache(maxsize=4096)
def _name_of(text: str) -> str:
    """What a client of that address is named; empty if it is none."""
    address = _parsed(text)
    if address is None:
        return ""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, _SITE_BITS), strict=False))


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    spelled = _SPELLED.fullmatch(text.strip(" \t"))
    if not spelled:
        return None
    try:
        address = ip_address(next(filter(None, spelled.groups())))
    except ValueError:
        return None
    # An IPv4 address in the guise of IPv6 is one.
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
