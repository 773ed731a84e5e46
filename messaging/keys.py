"""API keys: made once, shown once, kept as a digest."""

import hashlib
import secrets
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from config.errors import MessagingError
from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.schema import keys

#: Lets people and secret scanners recognise a key.
PREFIX: Final = "msg_"


class KeyExistsError(MessagingError):
    """Raised when a key of that name is there already."""


class Keys:
    """The keys that the outbox's database knows.

    Args:
        database: where their digests are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str) -> str:
        """Make a key and return it; nobody can ask for it again.

        Raises:
            KeyExistsError: if the name is taken.
        """
        key = PREFIX + secrets.token_urlsafe(32)
        try:
            with transaction(self._database.accepting) as connection:
                connection.execute(insert(keys), {"digest": _digest(key), "name": name, "created_at": clock_ms()})
        except IntegrityError:
            raise KeyExistsError(f'there is a key named "{name}" already') from None
        return key

    def name_of(self, key: str) -> str | None:
        """The name of a key; None if it is not ours."""
        # 256 random bits need no slow hash, and looking a digest up tells nothing about the key by its timing.
        with transaction(self._database.reading) as connection:
            name: str | None = connection.execute(
                select(keys.c.name).where(keys.c.digest == _digest(key))
            ).scalar_one_or_none()
        return name


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
