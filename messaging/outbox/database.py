"""Connections to the database, each kind with the durability that its work needs."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, FromClause, create_engine, event, make_url
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import DataError, DisconnectionError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from config.secret import Secret
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.making import make_file
from messaging.outbox.upgrades import upgrade

#: How long a writer waits for another one before the database counts as unavailable, in seconds.
BUSY_TIMEOUT_S: Final = 5.0

#: Pages of 4 KiB after which SQLite copies its log back into the database. Its own 1,000 cost a worker's mail 10 % more
#: CPU, and 30,000 save nothing more.
WAL_AUTOCHECKPOINT: Final = 10_000

#: The same for one that was told to hurry: beside two busy workers 99 of 100 writers have their turn within 12 ms.
_HURRIED_TIMEOUT_S: Final = 0.1

_DIALECT: Final = "sqlite+outbox"

#: Wait between tries to write while another does, in seconds. SQLite's own waits double up to 100 ms: beside two busy
#: workers, 99 of 100 writers had their turn within 12 ms so, and within 35 ms with those.
_TRY_EVERY_S: Final = 0.0003


class _Turns:
    """Waits of writers for their turn."""

    def __init__(self) -> None:
        self.hurried = False

    @property
    def timeout_s(self) -> float:
        return _HURRIED_TIMEOUT_S if self.hurried else BUSY_TIMEOUT_S


class Database:
    """The database of the outbox; opened at first use.

    Args:
        url: what `DATABASE_URL` says.
    """

    def __init__(self, url: Secret) -> None:
        self._path = Path(make_url(url.reveal()).database or "")
        #: For what is promised to a client: committed is synced.
        self.accepting = _engine(self._path, synchronous="FULL", turns=_Turns())
        #: For what a worker or a publisher notes: lost with the machine's power, it costs one more attempt or publish.
        #: (Synced, a mail's claim and result cost a lone worker 570 µs of CPU, not 230.)
        self._recorders = _Turns()
        self.recording = _engine(self._path, synchronous="NORMAL", turns=self._recorders)
        self.reading = _engine(self._path, synchronous="NORMAL", turns=None)

    def upgrade(self) -> None:
        """Make the database, or bring it to the newest version.

        Raises:
            SchemaTooNewError: if a newer program has been here.
            OutboxUnavailableError: if it cannot be opened or written.
        """
        try:
            make_file(self._path)  # mails are in it: it is for the service's own eyes
            with transaction(self.accepting) as connection:
                upgrade(connection)
        except OSError as error:
            raise OutboxUnavailableError(f"DATABASE_URL: {self._path}: {error.strerror}") from error
        except OutboxUnavailableError as error:
            raise OutboxUnavailableError(f"DATABASE_URL: {self._path}: {error}") from error

    def hurry(self) -> None:
        """Have who records wait no longer for a database that is locked, now and from now on: the process ends."""
        self._recorders.hurried = True

    def close(self) -> None:
        for engine in (self.accepting, self.recording, self.reading):
            engine.dispose()


class _Compiler(SQLiteCompiler):
    """Writes down which index a query is to use, too, which SQLAlchemy leaves out for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:  # noqa: ARG002
        return text


class _Dialect(SQLiteDialect_pysqlite):
    """SQLite as the standard library has it, with transactions that begin as their work needs it."""

    supports_statement_cache = True
    statement_compiler = _Compiler

    def __init__(self, turns: _Turns | None = None, **options: Any) -> None:
        super().__init__(**options)
        self._turns = turns

    def do_begin(self, dbapi_connection: Any) -> None:
        if self._turns:
            # A writer says so at the beginning: a reader that turns writer fails at once, without waiting for its turn.
            _execute_when_free(dbapi_connection, "BEGIN IMMEDIATE", self._turns)
        else:
            dbapi_connection.execute("BEGIN")


registry.register(_DIALECT.replace("+", "."), __name__, _Dialect.__name__)


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


def _engine(path: Path, *, synchronous: str, turns: _Turns | None) -> Engine:
    """Make an engine for writers that wait for their `turns`, or for readers."""

    def connect() -> sqlite3.Connection:
        # Not made here: a database that was taken away must not come back empty.
        uri = f"file:{quote(str(path))}?mode=rw"
        # Writers wait for each other in `_execute_when_free`. The driver begins no transaction by itself.
        timeout = 0.0 if turns else BUSY_TIMEOUT_S
        return sqlite3.connect(uri, timeout, isolation_level=None, check_same_thread=False, uri=True)

    # Requests wait for each other in the outbox, not here: the pool grows with the threads that read.
    engine = create_engine(
        f"{_DIALECT}://",
        turns=turns,
        creator=connect,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=-1,
        hide_parameters=True,  # in its errors they would be whole mails
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(path)
        # With DELETE or TRUNCATE to store a mail costs 1.8 times the CPU, and to claim and finish it 3.5 times.
        _execute_when_free(connection, "PRAGMA journal_mode = WAL", turns or _Turns())
        # FULL costs 0.2 ms of CPU a commit, and the disk's sync: to store a mail alone 0.28 instead of 0.08 ms.
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_AUTOCHECKPOINT}")
        # To claim and finish a mail costs 0.33 ms with them and 0.31 without: attempts never outlive their mail.
        connection.execute("PRAGMA foreign_keys = ON")
        # Measured with a million mails and two workers, and not set: cache_size and temp_store change nothing (each
        # writer empties the others' page caches), mmap_size makes a mail 20 % dearer.

    @event.listens_for(engine, "checkout")
    def _check(_connection: sqlite3.Connection, record: ConnectionPoolEntry, _proxy: object) -> None:
        # What is written to a file that was deleted or moved away is gone with this process.
        if record.info["file"] != _identity(path):
            raise DisconnectionError(f"{path} is another file than before")

    return engine


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at `path`; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _execute_when_free(connection: sqlite3.Connection, statement: str, turns: _Turns) -> None:
    """Run a statement that needs the database for itself as soon as no other has it."""
    began = time.monotonic()
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            # The low byte of the code tells the kind.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > began + turns.timeout_s:
                raise
        time.sleep(_TRY_EVERY_S)
