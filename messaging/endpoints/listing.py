"""`GET /v1/emails`: the mails that were accepted, the newest first."""

import re
from http import HTTPStatus
from typing import Final

from messaging.errors import InvalidError
from messaging.fields import take_texts
from messaging.filtering import ADDRESSES, NAMES, next_url, parse_filter
from messaging.gate import Gate
from messaging.outbox.listing import Listing
from messaging.replies import Answer
from messaging.request import Request
from messaging.views import page_document

#: Mails of one page: those that are not asked otherwise, and the most.
USUAL_LIMIT: Final = 50
MOST_LIMIT: Final = 200

_NUMBER: Final = re.compile(r"\d{1,3}", re.ASCII)


class Mails:
    """The list.

    Args:
        gate: finds out who is calling.
        listing: reads it.
    """

    def __init__(self, gate: Gate, listing: Listing) -> None:
        self._gate = gate
        self._listing = listing

    def get(self, request: Request) -> Answer:
        texts = take_texts(request.query(ADDRESSES), (*NAMES, "limit", "key"))
        _, key = self._gate.identify_known(request, texts.get("key"))
        wanted, limit = parse_filter(texts, key.scope), limit_of(texts.get("limit"))
        page = self._listing.page(wanted, limit)
        last = self._listing.last_attempts(page.mails)
        following = next_url(wanted, page.before, limit) if page.before else None
        line = f"{len(page.mails)} mails{f', older ones: {following}' if following else ''}"
        return Answer(HTTPStatus.OK, line, page_document(page.mails, last, following))


def limit_of(text: str | None) -> int:
    """How many mails a request wants.

    Raises:
        InvalidError: if that is no number, or too many.
    """
    if text is None:
        return USUAL_LIMIT
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MOST_LIMIT:
        raise InvalidError(f"must be a number from 1 to {MOST_LIMIT}", field="limit")
    return int(text)
