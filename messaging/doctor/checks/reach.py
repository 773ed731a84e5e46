"""The web process: that a URL leads to one of this service."""

import http.client
import json
import ssl
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from messaging.doctor.finding import TroubleError

#: How long an answer may take, in seconds.
_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Reached:
    """What answered at a URL."""

    #: Names the database: all processes of one service have the same.
    instance: str
    #: Whom it takes us for.
    client: str = field(repr=False)
    #: Our address on that connection, and whom it led to.
    own: str = field(repr=False)
    peer: str = field(repr=False)


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
        connection.connect()
        own, peer = connection.sock.getsockname()[0], connection.sock.getpeername()[0]
        connection.request("GET", f"{parts.path.rstrip('/')}/healthz", headers=headers)
        answer = connection.getresponse()
        text = answer.read(10_000)
    except (OSError, http.client.HTTPException) as error:
        raise TroubleError(f"{url} does not answer: {_words(error)}", _start_advice(url)) from None
    finally:
        connection.close()
    try:
        document = json.loads(text)
        return Reached(str(document["instance"]), str(document["client"]), own, peer)
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


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason}"
    return (error.strerror if isinstance(error, OSError) else None) or repr(error)


def _start_advice(url: str) -> str:
    return f"Start what listens there: the tunnel, Nginx, or python -m messaging serve ({url})"
