"""Connections to the database, each kind with the durability that its work needs."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, DisconnectionError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

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
        self.accepting = _engine(self._path, synchronous="FULL", begin="BEGIN IMMEDIATE")
        #: For what a worker or a publisher notes: lost with the machine's power, it costs one more attempt or publish.
        self.recording = _engine(self._path, synchronous="NORMAL", begin="BEGIN IMMEDIATE")
        self.reading = _engine(self._path, synchronous="NORMAL", begin="BEGIN")

    def upgrade(self) -> None:
        """Make the database, or bring it to the newest version.

        Raises:
            SchemaTooNewError: if a newer program has been here.
            OutboxUnavailableError: if it cannot be opened or written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Mails are in it: it is for the service's own eyes.
            self._path.touch(0o600)
            with transaction(self.accepting) as connection:
                upgrade(connection)
        except OSError as error:
            raise OutboxUnavailableError(f"DATABASE_URL: {self._path}: {error.strerror}") from error
        except OutboxUnavailableError as error:
            raise OutboxUnavailableError(f"DATABASE_URL: {self._path}: {error}") from error

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


def _engine(path: Path, *, synchronous: str, begin: str) -> Engine:
    def connect() -> sqlite3.Connection:
        # Not made here: a database that was taken away must not come back empty.
        uri = f"file:{quote(str(path))}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)

    # Requests wait for each other in the outbox, not here: the pool grows with the threads that read.
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=8, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(path)
        # The driver would begin transactions by itself, as late as the first write: a reader that turns writer then
        # fails at once, without waiting for its turn.
        connection.isolation_level = None
        _use_wal(connection)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_AUTOCHECKPOINT}")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "checkout")
    def _check(_connection: sqlite3.Connection, record: ConnectionPoolEntry, _proxy: object) -> None:
        # What is written to a file that was deleted or moved away is gone with this process.
        if record.info["file"] != _identity(path):
            raise DisconnectionError(f"{path} is another file than before")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at `path`; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


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
