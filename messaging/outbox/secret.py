"""The database's secrets: what only programs that can read the database know."""

import secrets
from functools import cached_property
from typing import ClassVar, Final

from sqlalchemy import TextClause, select, text

from messaging.outbox.database import Database, transaction
from messaging.outbox.schema import secret

# Of programs that make it at the same time, the first one's is kept.
_MAKE: Final = text("INSERT OR IGNORE INTO secret (id, value) VALUES (:id, :value)")
_RENEW: Final = text("INSERT OR REPLACE INTO secret (id, value) VALUES (:id, :value)")


class _Stored:
    """256 random bits, made at first use and kept.

    Args:
        database: where they are.
    """

    #: Of its row.
    _id: ClassVar[int]

    def __init__(self, database: Database) -> None:
        self._database = database

    def _get(self) -> bytes:
        found = self._read()
        if found is None:
            self._write(_MAKE)
            found = self._read()
        return bytes.fromhex(found or "")

    def _read(self) -> str | None:
        with transaction(self._database.reading) as connection:
            query = select(secret.c.value).where(secret.c.id == self._id)
            found: str | None = connection.execute(query).scalar_one_or_none()
        return found

    def _write(self, how: TextClause) -> None:
        with transaction(self._database.accepting) as connection:
            connection.execute(how, {"id": self._id, "value": secrets.token_hex(32)})


class DatabaseSecret(_Stored):
    """What digests are made with, for good: with another one, whatever was counted or recognised would be forgotten."""

    _id = 1

    @cached_property
    def value(self) -> bytes:
        """The secret.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        return self._get()


class LinkSecret(_Stored):
    """What links are signed with, until all of them are revoked; read each time, since any program may do that."""

    _id = 2

    @property
    def value(self) -> bytes:
        """The secret as it is now.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        return self._get()

    def renew(self) -> None:
        """Make another one; the old one signs nothing any longer.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        self._write(_RENEW)
