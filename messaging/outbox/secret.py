"""The database's secret: what only programs that can read the database know."""

import secrets
from functools import cached_property

from sqlalchemy import select, text

from messaging.outbox.database import Database, transaction
from messaging.outbox.schema import secret

# Of programs that make it at the same time, the first one's is kept.
_MAKE = text("INSERT OR IGNORE INTO secret (id, value) VALUES (1, :value)")


class DatabaseSecret:
    """256 random bits, made at first use and kept.

    Args:
        database: where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @cached_property
    def value(self) -> bytes:
        """The secret.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        found = self._read()
        if found is None:
            with transaction(self._database.accepting) as connection:
                connection.execute(_MAKE, {"value": secrets.token_hex(32)})
            found = self._read()
        return bytes.fromhex(found or "")

    def _read(self) -> str | None:
        with transaction(self._database.reading) as connection:
            found: str | None = connection.execute(select(secret.c.value)).scalar_one_or_none()
        return found
