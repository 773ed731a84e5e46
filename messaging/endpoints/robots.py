"""`/robots.txt`: asks crawlers to fetch nothing (RFC 9309), since a GET sends mail here."""

from typing import Final

from messaging.replies import Reply, content
from messaging.request import Request

_TEXT: Final = b"User-agent: *\nDisallow: /\n"


def robots(request: Request) -> Reply:
    return content(request, "text/plain; charset=utf-8", _TEXT)
