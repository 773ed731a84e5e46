"""API keys: made once, shown once, kept as a digest."""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.exc import IntegrityError

from config import values
from config.errors import MessagingError
from config.masking import KEY_PREFIX
from config.values import Rate
from messaging.key_uses import KeyUses
from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.filters import Scope
from messaging.outbox.schema import keys

#: How long what the database said of a key is good for, in seconds: that long a revoked one may still be known.
_FRESH_FOR_S: Final = 1.0

#: How exactly the last use of a key is noted, in milliseconds.
_NOTE_EVERY_MS: Final = 60_000


class KeyExistsError(MessagingError):
    """Raised when a key of that name is there already."""


class UnknownKeyError(MessagingError):
    """Raised when there is no key of that name."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a key may do; times are milliseconds since 1970, UTC."""

    digest: str = field(repr=False)
    name: str
    created_at: int
    last_used_at: int | None = None
    #: How many mails it may send; None for any number.
    rate: Rate | None = None
    #: Addresses and `@domains` that it may send to, in lower case; empty for all.
    recipients: tuple[str, ...] = field(default=(), repr=False)
    #: Whether its mails go through everything but the relay.
    test: bool = False

    @property
    def scope(self) -> Scope:
        """The mails that it may see and steer: those that it might have sent."""
        return Scope(self.recipients, tests_only=self.test)


class Keys:
    """The keys that the outbox's database knows.

    Every method raises `OutboxUnavailableError` where the database is away.

    Args:
        database: where their digests are.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._clock = clock
        #: Keys that were used lately, and until when what is known of each is good for; only what is a key is in it.
        self._known: dict[str, tuple[Key, float]] = {}
        self._uses = KeyUses(database)

    def add(self, name: str, *, rate: Rate | None = None, recipients: Sequence[str] = (), test: bool = False) -> str:
        """Make a key and return it; nobody can ask for it again.

        Raises:
            KeyExistsError: if the name is taken.
        """
        key = KEY_PREFIX + secrets.token_urlsafe(32)
        row = {
            "digest": _digest(key),
            "name": name,
            "created_at": self._clock(),
            "rate": str(rate) if rate else None,
            "recipients": ",".join(recipients),
            "test": test,
        }
        try:
            with transaction(self._database.accepting) as connection:
                connection.execute(insert(keys), row)
        except IntegrityError:
            raise KeyExistsError(f'there is a key named "{name}" already') from None
        return key

    def list(self) -> Sequence[Key]:
        """All keys, the first one made first."""
        with transaction(self._database.reading) as connection:
            return [_key_of(row) for row in connection.execute(select(keys).order_by(keys.c.created_at, keys.c.name))]

    def revoke(self, name: str) -> None:
        """Make a key worthless: here at once, in other processes within a second.

        Raises:
            UnknownKeyError: if there is none of that name.
        """
        with transaction(self._database.accepting) as connection:
            revoked = connection.execute(delete(keys).where(keys.c.name == name)).rowcount
        self._known.clear()
        if not revoked:
            raise UnknownKeyError(f'there is no key named "{name}"')

    def find(self, key: str) -> Key | None:
        """The key that a caller showed; None if it is not ours."""
        # 256 random bits need no slow hash, and looking a digest up tells nothing about the key by its timing.
        digest = _digest(key)
        known, good_until = self._known.get(digest, (None, 0.0))
        if known and time.monotonic() < good_until:
            return known
        found = self._read(digest)
        if found is None:
            self._known.pop(digest, None)
            return None
        self._known[digest] = found, time.monotonic() + _FRESH_FOR_S
        self._note_use(found)
        return found

    def _read(self, digest: str) -> Key | None:
        with transaction(self._database.reading) as connection:
            row = connection.execute(select(keys).where(keys.c.digest == digest)).one_or_none()
        return _key_of(row) if row else None

    def _note_use(self, key: Key) -> None:
        now = self._clock()
        if key.last_used_at is None or not now - _NOTE_EVERY_MS < key.last_used_at <= now:
            self._uses.note(key.digest, now)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _key_of(row: Row[Any]) -> Key:
    return Key(
        digest=row.digest,
        name=row.name,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        rate=values.rate(row.rate) if row.rate else None,
        recipients=values.recipients(row.recipients),
        test=row.test,
    )
