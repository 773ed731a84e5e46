"""What a row of the corpus is, and the shapes that most requests have in common."""

from dataclasses import dataclass
from typing import Final

#: Stands in every row for the one address that the row may send mail to; all have the same length.
VICTIM: Final = b"victim-000@example.com"

#: Stands for a key that opens the service; as long as a real one.
KEY: Final = b"msg_" + b"k" * 43

#: The answers to a request that is not whole, or to one of HTTP/0.9, whose answer has no header: none that can be read.
WAITS: Final[tuple[int, ...]] = ()

HOST: Final = b"Host: localhost"


@dataclass(frozen=True)
class Case:
    """One hostile connection.

    Args:
        name: what is hostile about it.
        raw: what is sent.
        alone: the statuses of its answers, in their order, where clients reach Waitress itself.
        why: what one of the lines that come back says.
        edge: the same through Nginx, where that is something else.
        mails: the recipients of the mails that it makes.
    """

    name: str
    raw: bytes
    alone: tuple[int, ...]
    why: str = ""
    edge: tuple[int, ...] | None = None
    mails: tuple[bytes, ...] = ()


def request(line: bytes, *fields: bytes, body: bytes = b"", host: bytes = HOST) -> bytes:
    """A whole request with that first line; its body's length is told."""
    length = [b"Content-Length: %d" % len(body)] if body else []
    return b"\r\n".join([line, *([host] if host else []), *fields, *length, b"", body])


def get(target: bytes, *fields: bytes) -> bytes:
    return request(b"GET " + target + b" HTTP/1.1", *fields)


def form(body: bytes, *fields: bytes, path: bytes = b"/") -> bytes:
    kind = b"Content-Type: application/x-www-form-urlencoded"
    return request(b"POST " + path + b" HTTP/1.1", kind, *fields, body=body)


def json(body: bytes, *fields: bytes, path: bytes = b"/v1/emails") -> bytes:
    return request(b"POST " + path + b" HTTP/1.1", b"Content-Type: application/json", *fields, body=body)


def keyed(body: bytes, path: bytes = b"/v1/emails") -> bytes:
    """A JSON request of somebody who has a key."""
    return json(body, b"Authorization: Bearer " + KEY, path=path)
