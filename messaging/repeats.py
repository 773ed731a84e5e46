"""Which requests are the same one come again, and so make one mail between them."""

import re
from typing import Final

from messaging.digests import Digests
from messaging.draft import Draft
from messaging.errors import BadRequestError
from messaging.gate import Caller
from messaging.links import Link
from messaging.outbox.repeats import Once
from messaging.request import Request

IDEMPOTENCY_KEY: Final = "Idempotency-Key"

#: On an answer that was given before, to the first request with the same key.
REPLAYED: Final = ("Idempotency-Replayed", "true")

#: How long an idempotency key is remembered, in milliseconds: a day.
IDEMPOTENCY_MS: Final = 86_400_000

_KEY = re.compile("[ -~]{1,255}")


def idempotency_key(request: Request) -> str | None:
    """The key that a client gave a request so that it can be sent again; None if it gave none.

    Raises:
        BadRequestError: if it is not one, or the request is a GET: of those, the same one soon is folded anyway.
    """
    key = request.header(IDEMPOTENCY_KEY)
    if key is not None and request.method == "GET":
        raise BadRequestError("is for POST", field=IDEMPOTENCY_KEY)
    if key is not None and not _KEY.fullmatch(key):
        raise BadRequestError("must have 1 to 255 printable ASCII characters", field=IDEMPOTENCY_KEY)
    return key


class Repeats:
    """Finds what tells a request from others; `messaging/outbox/repeats.py` remembers it.

    Every method raises `OutboxUnavailableError` where the database is away.

    Args:
        digests: of requests, which are not kept themselves.
        window_s: how long a GET is remembered, in seconds.
    """

    def __init__(self, digests: Digests, window_s: float) -> None:
        self._digests = digests
        self._window_ms = int(window_s * 1000)

    def of_get(self, caller: Caller, client: str, draft: Draft) -> Once | None:
        """By all that it says: browsers, proxies and impatient people repeat a GET without telling."""
        if not self._window_ms:
            return None
        token = self._digests.of("get", client, _name(caller), draft.recipient, draft.subject, draft.text)
        return Once(token, 0, self._window_ms)

    def of_post(self, caller: Caller, client: str, draft: Draft, path: str, key: str) -> Once:
        """By the idempotency key, which is the caller's own; a stranger's is the client's."""
        token = self._digests.of("idempotency", _name(caller) or client, key)
        content = self._digests.of("content", path, draft.recipient, draft.subject, draft.text)
        return Once(token, content, IDEMPOTENCY_MS)

    def of_link(self, link: Link) -> Once:
        """By the link: each sends one mail."""
        return Once(self._digests.of("link", link.id), 0, link.ends_in_ms)


def _name(caller: Caller) -> str:
    return caller.key.digest if caller.key else ""
