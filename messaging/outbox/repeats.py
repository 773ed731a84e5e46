"""Requests that may come again: the first is remembered with its mail, for the others to be answered with."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from sqlalchemy import Connection, select

from messaging.outbox.among import among
from messaging.outbox.errors import OtherContentError
from messaging.outbox.records import Accepted, Mail
from messaging.outbox.schema import repeats

_READ = select(repeats.c.token, repeats.c.content, repeats.c.mail_id, repeats.c.created_at, repeats.c.ends_at).where(
    among(repeats.c.token, "tokens")
)


@dataclass(frozen=True, slots=True)
class Once:
    """Makes one mail of a request, however often it comes."""

    #: Tells the request from others, as a digest.
    token: int
    #: What it asks for, as a digest: the same token with another content is a mistake.
    content: int
    #: For how long it is remembered, in milliseconds.
    window_ms: int


@dataclass(frozen=True, slots=True)
class _First:
    content: int
    mail_id: str
    created_at: int
    ends_at: int


class Firsts:
    """What a transaction knows and adds of the first requests.

    Args:
        connection: in the transaction.
        wanted: all that will be asked for.
        now: the transaction's time, in milliseconds since 1970, UTC.
    """

    def __init__(self, connection: Connection, wanted: Iterable[Once], now: int) -> None:
        self._connection = connection
        self._now = now
        rows = connection.execute(_READ, {"tokens": json.dumps([once.token for once in wanted])})
        self._firsts = {token: _First(*first) for token, *first in rows}
        self._added: set[int] = set()

    def answer(self, once: Once, mail: Mail) -> Accepted | OtherContentError | None:
        """What the first request was answered with, its mail as it was accepted; None if this is the first.

        Args:
            once: says which request this is.
            mail: what this request asks for.
        """
        first = self._firsts.get(once.token)
        # What ends later than a window ahead was written by a clock that was wrong: believed, it would swallow mails.
        if first is None or not self._now < first.ends_at <= self._now + 2 * once.window_ms:
            return None
        if first.content != once.content:
            return OtherContentError()
        return Accepted(replace(mail, id=first.mail_id, created_at=first.created_at), repeated=True)

    def add(self, once: Once, mail: Mail) -> None:
        self._firsts[once.token] = _First(once.content, mail.id, mail.created_at, self._now + once.window_ms)
        self._added.add(once.token)

    def write(self) -> None:
        values: list[object] = []
        for token in self._added:
            first = self._firsts[token]
            values += (token, first.content, first.mail_id, first.created_at, first.ends_at)
        if values:
            self._connection.exec_driver_sql(_write(len(self._added)), tuple(values))


@lru_cache(maxsize=512)
def _write(rows: int) -> str:
    # A statement for each would let go of the interpreter's lock, and wait for it, as often.
    values = ", ".join(["(?, ?, ?, ?, ?)"] * rows)
    return f"INSERT OR REPLACE INTO repeats (token, content, mail_id, created_at, ends_at) VALUES {values}"  # noqa: S608
