"""The web process: that a URL leads to one of this service, and that it sees who is calling."""

import http.client
import ipaddress
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Final
from urllib.parse import urlsplit

from messaging.doctor.finding import TroubleError

#: How long an answer may take, in seconds.
_WITHIN_S: Final = 10.0

#: An address that nobody has (RFC 5737): who is taken for it was believed.
_NOBODY: Final = "192.0.2.77"


@dataclass(frozen=True, slots=True)
class Reached:
    """What answered at a URL."""

    #: Names the database: all processes of one service have the same.
    instance: str
    #: Whom it takes us for.
    client: str = field(repr=False)


def reach(url: str, *, claim: str = "") -> Reached:
    """Ask what answers at a URL.

    Args:
        url: where the service's paths begin.
        claim: an address that we claim to be, in X-Forwarded-For.

    Raises:
        TroubleError: if it is no web process of a Messaging.
    """
    headers = {"Accept": "application/json", "User-Agent": "messaging-doctor", "ngrok-skip-browser-warning": "1"}
    if claim:
        headers["X-Forwarded-For"] = claim
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_WITHIN_S)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/healthz", headers=headers)
        answer = connection.getresponse()
        text = answer.read(10_000)
    except (OSError, http.client.HTTPException) as error:
        raise TroubleError(f"{url} does not answer: {_words(error)}", _start_advice(url)) from None
    finally:
        connection.close()
    try:
        document = json.loads(text)
        return Reached(str(document["instance"]), str(document["client"]))
    except (ValueError, KeyError, TypeError):
        raise TroubleError(
            f"{url} is answered by something else ({answer.status} {answer.reason})",
            "Lead it to LISTEN, or to the Nginx in front of that",
        ) from None


def check_reach(url: str, instance: str) -> str:
    """See that a URL leads to this service.

    Raises:
        TroubleError: if it leads elsewhere, or nowhere.
    """
    reached = reach(url)
    if reached.instance != instance:
        raise TroubleError(
            f"{url} is answered by a Messaging with another database",
            "Lead it to the one of this DATABASE_URL, or run the doctor where that one runs",
        )
    return f"{url} leads to this service"


def check_hops(url: str, trusted_proxies: int, proxy_addresses: Sequence[IPv4Network | IPv6Network]) -> str:
    """See that who calls by a URL is taken for who it is, and cannot claim to be somebody else.

    Args:
        url: where clients reach the service.
        trusted_proxies: what TRUSTED_PROXIES says.
        proxy_addresses: what PROXY_ADDRESSES says.

    Raises:
        TroubleError: if limits for each client would count for all of them, or for whom they like.
    """
    client = reach(url, claim=_NOBODY).client
    if client == _NOBODY:
        raise TroubleError(
            f"by {url} clients can call themselves what they like",
            f"Set TRUSTED_PROXIES={max(trusted_proxies - 1, 0)}: it is {trusted_proxies}, and fewer are on the way",
        )
    if _is_near(client) and not _is_near(str(urlsplit(url).hostname)):
        ours = any(ipaddress.ip_network(client).network_address in network for network in proxy_addresses)
        raise TroubleError(
            f"by {url} all clients look like {client}, which is a proxy",
            f"Set TRUSTED_PROXIES={trusted_proxies + 1}: it is {trusted_proxies}, and more are on the way"
            if ours
            else f"Add {client} to PROXY_ADDRESSES: it is not among those that proxies of ours call from",
        )
    return f"by {url} this machine is seen as {client}"


def _is_near(host: str) -> bool:
    try:
        return not ipaddress.ip_network(host).is_global
    except ValueError:
        return host == "localhost"


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason}"
    return (error.strerror if isinstance(error, OSError) else None) or repr(error)


def _start_advice(url: str) -> str:
    return f"Start what listens there: the tunnel, Nginx, or python -m messaging serve ({url})"
