"""Conditional requests: who asks again for what has not changed is told so in a few bytes."""

import re
from hashlib import blake2b
from typing import Final

from messaging.replies import Reply, not_modified, render
from messaging.request import Request
from messaging.router import Endpoint

# RFC 9110, section 8.8.3: entity-tag = [ weak ] opaque-tag
_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')

_OK: Final = "200 OK"


def conditional(endpoint: Endpoint) -> Endpoint:
    """Have an endpoint's answers tagged (`ETag`), and left out where `If-None-Match` has the tag."""

    def answer(request: Request) -> Reply:
        reply = render(request, endpoint(request))
        if reply.status != _OK:
            return reply
        tag = f'"{blake2b(reply.body, digest_size=12).hexdigest()}"'
        tagged = Reply(reply.status, [*reply.headers, ("ETag", tag)], reply.body)
        return not_modified(tagged) if _matches(request.header("If-None-Match") or "", tag) else tagged

    return answer


def _matches(condition: str, tag: str) -> bool:
    """Whether a condition has the tag, by the weak comparison that section 13.1.2 asks for: proxies weaken tags."""
    return condition.strip() == "*" or tag in _TAG.findall(condition)
