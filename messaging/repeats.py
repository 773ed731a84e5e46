"""Which requests are the same one come again, and so make one mail between them."""

import json
import re
from hashlib import sha256
from typing import Final

from messaging.digests import Digests
from messaging.draft import Draft
from messaging.errors import BadRequestError
from messaging.gate import Caller
from messaging.links import Link
from messaging.order import Order
from messaging.outbox.records import NO_EXTRAS, Extras
from messaging.outbox.repeats import Once
from messaging.request import Request

IDEMPOTENCY_KEY: Final = "Idempotency-Key"

#: On an answer that was given before, to the first request with the same key.
REPLAYED: Final = ("Idempotency-Replayed", "true")

#: How long an idempotency key is remembered, in milliseconds: a day.
IDEMPOTENCY_MS: Final = 86_400_000

#: For how much longer than it may be sent a link is remembered, in milliseconds: from the moment it is read to that in
#: which its mail is stored a request may wait that long, and its repetition as well.
_IN_HAND_MS: Final = 60_000

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

    def of_post(self, order: Order, client: str, key: str) -> Once:
        """By the idempotency key, which is the caller's own; a stranger's is the client's."""
        draft = order.draft
        number = () if order.number is None else (str(order.number),)
        token = self._digests.of("idempotency", _name(order.caller) or client, key, *number)
        content = self._digests.of(
            "content", order.request.path, draft.recipient, draft.subject, draft.text, *_parts(draft.extras)
        )
        return Once(token, content, IDEMPOTENCY_MS)

    def of_batch(self, caller: Caller, path: str, mails: object, key: str) -> Once:
        """By the idempotency key again, as one request; each of its mails has one of its own besides."""
        token = self._digests.of("idempotency", _name(caller), key)
        try:
            text = json.dumps(mails, sort_keys=True)
        except RecursionError:
            # What can just be read may be too deep to be written.
            raise BadRequestError("the body is nested too deeply") from None
        return Once(token, self._digests.of("content", path, text), IDEMPOTENCY_MS)

    def of_link(self, link: Link) -> Once:
        """By the link: each sends one mail."""
        return Once(self._digests.of("link", link.id), 0, link.ends_in_ms + _IN_HAND_MS)


def _parts(extras: Extras) -> list[str]:
    if extras is NO_EXTRAS:
        return []
    files = [part for each in extras.attachments for part in (each.name, each.type, sha256(each.content).hexdigest())]
    return [repr(extras.html), repr(extras.reply_to), *files]


def _name(caller: Caller) -> str:
    return caller.key.digest if caller.key else ""
