"""`/v1/mailbox`: the mails that were put down in a Maildir instead of being sent."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from messaging.endpoints.listing import limit_of
from messaging.errors import ForbiddenError, InvalidError, NotFoundError
from messaging.fields import take_texts
from messaging.gate import Gate
from messaging.letter import Letter
from messaging.mailbox import Mailbox
from messaging.outbox.filters import EVERYTHING
from messaging.replies import Answer
from messaging.request import Request
from messaging.timestamps import timestamp

#: Not an error: who looks wants to know whether there is a mailbox.
_NONE: Final = Answer(
    HTTPStatus.OK,
    "there is no mailbox: mails go to a relay",
    {"open": False, "letters": [], "more": False, "next": None},
)

#: Characters of a file's name, as file systems have them.
_MOST_NAME: Final = 255


class Letters:
    """Shows the Maildir to keys that see all mails.

    Args:
        gate: finds out who is calling.
        mailbox: reads it; None where mails go to a relay.
    """

    def __init__(self, gate: Gate, mailbox: Mailbox | None) -> None:
        self._gate = gate
        self._mailbox = mailbox

    def list(self, request: Request) -> Answer:
        texts = take_texts(request.query(), ("limit", "before", "key"))
        self._check(request, texts.get("key"))
        limit, before = limit_of(texts.get("limit")), _before(texts)
        if self._mailbox is None:
            return _NONE
        letters, last = self._mailbox.newest(limit, before)
        following = f"/v1/mailbox?{urlencode({'limit': limit, 'before': last})}" if last else None
        more = {"more": following is not None, "next": following}
        line = f"{len(letters)} mails{f', older ones: {following}' if following else ''}"
        return Answer(HTTPStatus.OK, line, {"open": True, "letters": [_summary(letter) for letter in letters], **more})

    def get(self, request: Request) -> Answer:
        self._check(request, take_texts(request.query(), ("key",)).get("key"))
        # PEP 3333: the characters of a path are its bytes.
        name = request.argument.encode("latin-1").decode("utf-8", "replace")
        letter = self._mailbox.find(name) if self._mailbox else None
        if letter is None:
            raise NotFoundError("there is no mail of this name in the mailbox")
        return Answer(HTTPStatus.OK, f"{letter.fields['subject']}, to {letter.fields['to']}", _document(letter))

    def _check(self, request: Request, key: str | None) -> None:
        """Let a caller look into the mailbox.

        Raises:
            UnauthorizedError, ForbiddenError: if they may not.
        """
        _, known = self._gate.identify_known(request, key)
        if known.scope != EVERYTHING:
            raise ForbiddenError("this is about all mails, and this key sees some of them")


def _before(texts: Mapping[str, str]) -> str | None:
    """The name that is gone on from; it may be gone."""
    before = texts.get("before")
    if before is not None and not 1 <= len(before) <= _MOST_NAME:
        raise InvalidError("must be the id of a mail in the mailbox", field="before")
    return before


def _summary(letter: Letter) -> dict[str, Any]:
    return {"id": letter.id, "put_down_at": timestamp(letter.put_down_at), "bytes": letter.size, **_plain(letter)}


def _document(letter: Letter) -> dict[str, Any]:
    attachments = [{"name": _whole(name), "bytes": size} for name, size in letter.attachments]
    return {**_summary(letter), "text": _whole(letter.text), "html": _whole(letter.html), "attachments": attachments}


def _plain(letter: Letter) -> dict[str, str]:
    return {name: _whole(value) for name, value in letter.fields.items()}


#: Half a character: no encoding has one, and the standard library reads bytes that it cannot decode as such.
_HALF: Final = re.compile("[\ud800-\udfff]")


def _whole(text: str) -> str:
    return _HALF.sub("\N{REPLACEMENT CHARACTER}", text)
