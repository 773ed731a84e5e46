"""Reads as many pages of mails as are wanted."""

from typing import Final
from urllib.parse import parse_qs, urlsplit

from messaging.cli.service import Document, Selection, Service

#: Mails of one page at the most.
PAGE: Final = 200


def newest(service: Service, selection: Selection, limit: int) -> tuple[list[Document], str | None]:
    """The newest mails of a selection, `limit` at the most, and where the API has those after them."""
    mails: list[Document] = []
    while True:
        page = service.page(selection, min(PAGE, limit - len(mails)))
        mails += page["emails"]
        following: str | None = page["next"]
        if following is None or len(mails) >= limit:
            return mails, following
        # A page may be short, or empty, and still not be the last.
        before = parse_qs(urlsplit(following).query)["before"][0]
        selection = Selection(selection.state, selection.to, before)
