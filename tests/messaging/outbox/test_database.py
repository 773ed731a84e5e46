"""Each kind of connection has the durability that its work needs, and one error says that the database is away."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from messaging.outbox import database as module
from messaging.outbox.database import Database, transaction
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import Outbox
from tests.fixtures.disks import unwritable
from tests.fixtures.storage import accept, connected, listed, locked, url_of

#: What SQLite answers to `PRAGMA synchronous`.
FULL, NORMAL = 2, 1


@pytest.fixture
def impatient(database: Database, database_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """The same database, for callers that do not wait long for each other."""
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.05)
    impatient = Database(url_of(database_path))
    yield impatient
    impatient.close()


def ask(engine: Engine, pragma: str) -> object:
    with transaction(engine) as connection:
        return connection.execute(text(f"PRAGMA {pragma}")).scalar()


def test_what_is_promised_is_synced_before_the_answer(database: Database) -> None:
    assert ask(database.accepting, "synchronous") == FULL


@pytest.mark.parametrize("kind", ["recording", "reading"])
def test_what_is_only_noted_is_not_synced_each_time(database: Database, kind: str) -> None:
    assert ask(getattr(database, kind), "synchronous") == NORMAL


@pytest.mark.parametrize("kind", ["accepting", "recording", "reading"])
def test_every_connection_reads_beside_a_writer_and_checks_foreign_keys(database: Database, kind: str) -> None:
    engine = getattr(database, kind)
    assert ask(engine, "journal_mode") == "wal"
    assert ask(engine, "foreign_keys") == 1
    assert ask(engine, "wal_autocheckpoint") == module.WAL_AUTOCHECKPOINT


def test_a_reader_waits_for_a_database_that_is_being_repaired(database: Database) -> None:
    # Nothing else keeps it waiting. For a writer we wait ourselves: see the next tests.
    assert ask(database.reading, "busy_timeout") == module.BUSY_TIMEOUT_S * 1000


@pytest.mark.parametrize("kind", ["accepting", "recording"])
def test_a_database_that_is_locked_for_too_long_is_unavailable(
    impatient: Database, database_path: Path, kind: str
) -> None:
    with locked(database_path), pytest.raises(OutboxUnavailableError, match="locked"):
        ask(getattr(impatient, kind), "user_version")


def test_a_writer_waits_for_its_turn(database: Database, database_path: Path) -> None:
    began, done = threading.Event(), threading.Event()
    event.listen(database.accepting, "checkout", lambda _driver, _record, _proxy: began.set())

    def write() -> None:
        with transaction(database.accepting):
            done.set()

    with locked(database_path):
        writer = threading.Thread(target=write)
        writer.start()
        assert began.wait(10)
        assert not done.wait(0.05)
    writer.join()
    assert done.is_set()


@pytest.mark.slow
def test_who_hurries_waits_no_longer_and_what_is_promised_still_does(
    database: Database, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 2.0)
    waits = {}

    def write(name: str, engine: Engine) -> None:
        began = time.monotonic()
        with pytest.raises(OutboxUnavailableError), transaction(engine):
            pass
        waits[name] = time.monotonic() - began

    with locked(database_path):
        waiting = threading.Thread(target=write, args=("waits", database.recording))
        promising = threading.Thread(target=write, args=("promises", database.accepting))
        promising.start()
        waiting.start()
        time.sleep(0.3)
        database.hurry()
        waiting.join()
        write("comes", database.recording)
        promising.join()
    assert 0.3 <= waits["waits"] < 1
    assert waits["comes"] < 0.5
    assert waits["promises"] >= module.BUSY_TIMEOUT_S


def test_a_locked_database_can_be_read(impatient: Database, database_path: Path) -> None:
    with locked(database_path):
        assert listed(Outbox(impatient)) == []


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def write_and_fail() -> None:
        with transaction(database.recording) as connection:
            connection.execute(text("INSERT INTO keys (digest, name, created_at) VALUES ('digest', 'name', 0)"))
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    with transaction(database.reading) as connection:
        assert connection.execute(text("SELECT count(*) FROM keys")).scalar() == 0


def test_a_database_that_cannot_be_written_is_unavailable(outbox: Outbox, database_path: Path) -> None:
    mail = accept(outbox)
    with unwritable(database_path.parent):
        other = Database(url_of(database_path))
        with pytest.raises(OutboxUnavailableError):
            accept(Outbox(other))
        other.close()
    assert listed(outbox) == [mail]


def test_a_folder_that_is_gone_makes_the_database_unavailable(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path / "gone" / "messaging.db"))
    with pytest.raises(OutboxUnavailableError, match="unable to open"):
        accept(Outbox(database))
    database.close()


def test_a_folder_that_cannot_be_made_makes_the_database_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = Database(url_of(tmp_path / "file" / "messaging.db"))
    with pytest.raises(OutboxUnavailableError, match=str(tmp_path)):
        database.upgrade()
    database.close()


def test_a_file_that_is_no_database_is_unavailable(database_path: Path) -> None:
    database_path.write_bytes(b"This was a shopping list. " * 400)
    database = Database(url_of(database_path))
    with pytest.raises(OutboxUnavailableError, match="not a database"):
        database.upgrade()
    with pytest.raises(OutboxUnavailableError, match="not a database"):
        Outbox(database).check()
    database.close()


def test_a_damaged_database_is_unavailable(database: Database, database_path: Path) -> None:
    accept(Outbox(database))
    database.close()
    with connected(database_path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with database_path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xaa" * 4096 * 4)
    with pytest.raises(OutboxUnavailableError):
        listed(Outbox(database))
    with pytest.raises(OutboxUnavailableError):
        accept(Outbox(database))


def test_a_database_without_our_tables_is_unavailable(database_path: Path) -> None:
    database_path.touch()
    database = Database(url_of(database_path))
    with pytest.raises(OutboxUnavailableError, match="no such table"):
        Outbox(database).check()
    database.close()


def test_a_database_that_may_not_grow_is_unavailable_until_it_may(database: Database, outbox: Outbox) -> None:
    limits = [20]

    @event.listens_for(database.accepting, "begin")
    def _limit(connection: object) -> None:
        driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[attr-defined]
        driver.execute(f"PRAGMA max_page_count = {limits[-1]}")

    accepted: list[str] = []
    with pytest.raises(OutboxUnavailableError, match="full"):
        accept_until_it_fails(outbox, accepted)
    assert {mail.id for mail in listed(outbox)} == set(accepted)
    limits.append(1_000_000)
    accepted.append(accept_large(outbox))
    assert {mail.id for mail in listed(outbox)} == set(accepted)


def test_a_full_disk_makes_the_database_unavailable_until_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    database = Database(url_of(small_disk / "messaging.db"))
    database.upgrade()
    outbox = Outbox(database)
    accepted: list[str] = []
    with pytest.raises(OutboxUnavailableError):
        accept_until_it_fails(outbox, accepted)
    assert accepted
    ballast.unlink()
    accepted.append(accept_large(outbox))
    assert {mail.id for mail in listed(outbox, limit=1000)} == set(accepted)
    database.close()


def accept_until_it_fails(outbox: Outbox, accepted: list[str]) -> None:
    while len(accepted) < 1000:
        accepted.append(accept_large(outbox))


def accept_large(outbox: Outbox) -> str:
    return outbox.accept(sender="a@localhost", recipient="b@example.com", subject="Large", text="x" * 9000).mail.id
