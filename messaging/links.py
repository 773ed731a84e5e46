"""Signed links: each may send one mail, the one it was made for, without a key."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha384
from typing import Final

from itsdangerous import BadData, URLSafeSerializer

from messaging.draft import Draft
from messaging.errors import ForbiddenError, GoneError
from messaging.outbox.clock import clock_ms
from messaging.outbox.secret import LinkSecret
from messaging.timestamps import timestamp

#: Base64 is decoded with whatever else stands in it passed over.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)

#: What ends later was not made by a command of ours, in milliseconds: a year, and a day for clocks that are wrong.
_LONGEST_MS: Final = 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class Link:
    """What a link sends, and for how much longer it does."""

    #: Tells it from others, however its URL is spelled.
    id: str
    draft: Draft
    ends_in_ms: int


class Links:
    """Makes links and reads them; nothing is stored before one is used.

    Args:
        secret: what it signed is ours.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, secret: LinkSecret, clock: Callable[[], int] = clock_ms) -> None:
        self._secret = secret
        self._clock = clock

    def make(self, draft: Draft, lasts_s: float) -> str:
        """Make a token for the parameter `link`.

        Args:
            draft: the mail.
            lasts_s: how long it may be sent, in seconds.

        Raises:
            OutboxUnavailableError: if the secret cannot be read.
        """
        ends_at = self._clock() + int(lasts_s * 1000)
        # Something random, so that two links to the same mail are two mails.
        fields = [secrets.token_hex(8), ends_at, draft.recipient, draft.subject, draft.text]
        token: str = self._serializer().dumps(fields)
        return token

    def read(self, token: str, field: str) -> Link:
        """Read a token.

        Args:
            token: as a client sent it.
            field: the parameter it stood in, for the error.

        Raises:
            ForbiddenError: if it is not ours, or no longer as we made it.
            GoneError: if its time is over.
            OutboxUnavailableError: if the secret cannot be read.
        """
        try:
            link_id, ends_at, *words = self._serializer().loads(token if _TOKEN.fullmatch(token) else "")
        except BadData:
            raise ForbiddenError("this link was not made here, was changed since, or revoked", field=field) from None
        ends_in_ms = ends_at - self._clock()
        if ends_in_ms > _LONGEST_MS:
            raise ForbiddenError("this link lasts longer than any that is made here", field=field)
        if ends_in_ms <= 0:
            raise GoneError(f"this link ended at {timestamp(ends_at)}", field=field)
        return Link(link_id, Draft(*words), ends_in_ms)

    def _serializer(self) -> URLSafeSerializer:
        # Of 384 bits base64 leaves none over: no other token than the one that was made is read as the same.
        how = {"key_derivation": "hmac", "digest_method": sha384}
        return URLSafeSerializer(self._secret.value, salt="messaging.link", signer_kwargs=how)
