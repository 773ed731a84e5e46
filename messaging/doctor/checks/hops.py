"""The hops: that who calls by a URL is taken for who it is, and cannot claim to be somebody else."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from messaging.clients import Clients
from messaging.doctor.checks.reach import Reached, reach
from messaging.doctor.finding import TroubleError

Networks = Sequence[IPv4Network | IPv6Network]

#: An address that nobody has (RFC 5737): who is taken for it was believed.
_NOBODY: Final = "192.0.2.77"


def check_hops(url: str, trusted_proxies: int, proxy_addresses: Networks) -> str:
    """Call by a URL, and claim to be somebody else.

    Args:
        url: where clients reach the service.
        trusted_proxies: what TRUSTED_PROXIES says.
        proxy_addresses: what PROXY_ADDRESSES says.

    Raises:
        TroubleError: if limits for each client would count for all of them, or for whom they like.
    """
    return judge(url, reach(url, claim=_NOBODY), trusted_proxies, proxy_addresses)


def judge(url: str, reached: Reached, trusted_proxies: int, proxy_addresses: Networks) -> str:
    """The same, of what was seen.

    What is advised must not let clients be believed: whose address is a proxy's is known to the operator alone. It may
    as well be a colleague's, a router's, or that of a port forwarded by what knows nothing of HTTP.
    """
    client, peer = reached.client, reached.peer
    here = ip_address(reached.own).is_loopback or reached.own == peer
    if client == _NOBODY:
        if here or _is_among(reached.own, proxy_addresses):
            return f"by {url} this machine is believed, as its proxy or tunnel has to be; ask again from another one"
        raise TroubleError(
            f"by {url} clients can call themselves what they like",
            f"Set TRUSTED_PROXIES={max(trusted_proxies - 1, 0)}: it is {trusted_proxies}, and fewer are on the way",
        )
    if not here and client != _name_of(reached.own) and not _is_global(client):
        if _is_among(client, proxy_addresses):
            raise TroubleError(
                f"by {url} clients look like {client}, which is among PROXY_ADDRESSES",
                "If one more HTTP proxy of yours is on the way, such as a tunnel's agent, set "
                f"TRUSTED_PROXIES={trusted_proxies + 1}, and look again; if it is a forwarded port, leave it: "
                "who comes by it is one client",
            )
        if client == _name_of(peer) or _is_global(peer):
            raise TroubleError(
                f"by {url} clients look like {client}, which is not the address of this machine",
                f"If a proxy of yours, and nobody else, calls from there, add {client} to PROXY_ADDRESSES; if it is a"
                " router, leave it, and ask again from outside",
            )
    return f"by {url} this machine is seen as {client}"


def _name_of(address: str) -> str:
    """What a client of this address is called: of IPv6 it is its network."""
    return Clients(0, ()).name(address, None)


def _is_global(client: str) -> bool:
    return ip_network(client).is_global


def _is_among(client: str, networks: Networks) -> bool:
    return any(ip_network(client).network_address in network for network in networks)
