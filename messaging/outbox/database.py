"""Connections to the database, each kind with the durability that its work needs."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError

from config.secret import Secret
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.upgrades import upgrade

#: How long a writer waits for another one before the database counts as unavailable, in seconds.
BUSY_TIMEOUT_S: Final = 5.0

#: Pages of 4 KiB after which SQLite copies its log back into the database; a larger log is copied in larger strides.
WAL_AUTOCHECKPOINT: Final = 10_000

#: Wait between tries to switch a new database to its write-ahead log, in seconds.
_SWITCH_EVERY_S: Final = 0.01


class Database:
    """The database of the outbox; opened at first use.

    Args:
        url: what `DATABASE_URL` says.
    """

    def __init__(self, url: Secret) -> None:
        self._path = Path(make_url(url.reveal()).database or "")
        #: For what is promised to a client: committed is synced.
        self.accepting = _engine(url, synchronous="FULL", begin="BEGIN IMMEDIATE")
        #: For what a worker or a publisher notes: lost with the machine's power, it costs one more attempt or publish.
        self.recording = _engine(url, synchronous="NORMAL", begin="BEGIN IMMEDIATE")
        self.reading = _engine(url, synchronous="NORMAL", begin="BEGIN")

    def upgrade(self) -> None:
        """Make the database, or bring it to the newest version.

        Raises:
            SchemaTooNewError: if a newer program has been here.
            OutboxUnavailableError: if it cannot be opened or written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutboxUnavailableError(f"{self._path}: {error.strerror}") from error
        with transaction(self.accepting) as connection:
            upgrade(connection)

    def close(self) -> None:
        for engine in (self.accepting, self.recording, self.reading):
            engine.dispose()


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that commits at the end of the block.

    Raises:
        OutboxUnavailableError: if the database is away, locked for too long, full or broken.
        SQLAlchemyError: if it has something against what was written.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (IntegrityError, DataError, ProgrammingError):
        raise
    except SQLAlchemyError as error:
        raise OutboxUnavailableError(str(error.__cause__ or error)) from error


def _engine(url: Secret, *, synchronous: str, begin: str) -> Engine:
    # Requests wait for each other in the outbox, not here: the pool grows with the threads that read.
    engine = create_engine(url.reveal(), pool_size=8, max_overflow=-1, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver would begin transactions by itself, as late as the first write: a reader that turns writer then
        # fails at once, without waiting for its turn.
        connection.isolation_level = None
        _use_wal(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_AUTOCHECKPOINT}")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; of two who switch a new database at once, SQLite lets one fail without a wait."""
    give_up_at = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(_SWITCH_EVERY_S)
        else:
            return
