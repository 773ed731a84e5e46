"""Follows what becomes of mails."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from messaging.cli.paging import PAGE, newest
from messaging.cli.service import Document, Selection, Service
from messaging.outbox.ids import first_id, time_of

#: New mails of one look at the most, and unfinished ones that are followed; of the others the oldest are left alone.
_MOST: Final = 2_000

#: So long after a newer mail one may still come, in milliseconds: an id is made before its mail is stored.
_LATE_MS: Final = 3_000

#: Of those that are followed and no longer among the newest, so many are asked for at each look, in turns.
_ASKED: Final = 5


class Following:
    """Looks at the newest mails again and again, and tells what is new.

    Args:
        service: knows the mails.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._newest = ""
        #: Mails from this id on are told of when they are seen first; of those, the ones that were.
        self._since = ""
        self._recent: set[str] = set()
        #: The mails that are not final, the one that was asked for last at the end, and what was told of each.
        self._open: OrderedDict[str, object] = OrderedDict()

    def start(self, lines: int) -> list[Document]:
        """What is known of the newest mails, the oldest of them first."""
        mails = self._service.page(Selection(), PAGE)["emails"]
        for mail in reversed(mails):
            self._note(mail)
        if len(mails) == PAGE:
            self._since = mails[-1]["id"]
        self._look_back()
        return list(reversed(mails[:lines]))

    def look(self) -> list[Document]:
        """What is new since the last look, the oldest mail first."""
        mails = self._since_newest()
        news = [mail for mail in reversed(mails) if self._is_news(mail)]
        seen = {mail["id"] for mail in mails}
        self._look_back()
        return [*self._old_news(seen), *news]

    def _look_back(self) -> None:
        """Forget which mails were seen, but for the last few seconds'."""
        if self._newest:
            self._since = max(self._since, first_id(time_of(self._newest) - _LATE_MS))
        self._recent = {each for each in self._recent if each >= self._since}

    def _since_newest(self) -> list[Document]:
        """The newest page, and those before it as far as they are new."""
        mails = list(self._service.page(Selection(), PAGE)["emails"])
        while mails and self._since < mails[-1]["id"] and len(mails) < _MOST:
            older, _ = newest(self._service, Selection(before=mails[-1]["id"]), PAGE)
            if not older:
                break
            mails += older
        return mails

    def _old_news(self, seen: set[str]) -> Iterator[Document]:
        for mail_id in [each for each in self._open if each not in seen][:_ASKED]:
            self._open.move_to_end(mail_id)
            page = self._service.page(Selection(before=_after(mail_id)), 1)["emails"]
            mail = page[0] if page and page[0]["id"] == mail_id else None
            if mail is None:  # removed, or none of what this key sees
                del self._open[mail_id]
            elif self._is_news(mail):
                yield mail

    def _is_news(self, mail: Document) -> bool:
        known = self._open.get(mail["id"])
        is_new = mail["id"] >= self._since and mail["id"] not in self._recent
        self._note(mail)
        # One that is final, and neither new nor followed, was told of; one that is open again was retried.
        return is_new or (known is not None if mail["final"] else known != _gist(mail))

    def _note(self, mail: Document) -> None:
        self._newest = max(self._newest, mail["id"])
        self._recent.add(mail["id"])
        if mail["final"]:
            self._open.pop(mail["id"], None)
            return
        self._open[mail["id"]] = _gist(mail)
        if len(self._open) > _MOST:
            self._open.popitem(last=False)


def _gist(mail: Document) -> object:
    """What has to change so that a mail is told of again."""
    return mail["state"], mail["attempts"]


def _after(mail_id: str) -> str:
    """The id right after this one: before it, this one comes first."""
    digits = f"{int(mail_id.replace('-', ''), 16) + 1:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
