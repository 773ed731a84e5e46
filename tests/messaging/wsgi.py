"""Requests as Waitress hands them over."""

from collections.abc import Mapping
from io import BytesIO

from messaging.request import Environ, Request

#: `MAX_BODY_BYTES` of these requests.
LIMIT = 1024


def environ(
    *, query: str = "", body: bytes = b"", content_type: str = "", headers: Mapping[str, str] | None = None
) -> Environ:
    """The environ of a request, with the length of its body told as Waitress tells it."""
    fields = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()}
    length = {"CONTENT_LENGTH": str(len(body))} if body else {}
    kind = {"CONTENT_TYPE": content_type} if content_type else {}
    return {"QUERY_STRING": query, "wsgi.input": BytesIO(body), **length, **kind, **fields}


def request(
    *, query: str = "", body: bytes = b"", content_type: str = "", headers: Mapping[str, str] | None = None
) -> Request:
    environment = environ(query=query, body=body, content_type=content_type, headers=headers)
    return Request(environment, "request-1", "GET", "/", LIMIT)
