"""A database whose file is deleted, moved or replaced under a running process."""

from pathlib import Path

import pytest

from config.secret import Secret
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import Outbox
from tests.fixtures.storage import listed


def _accept(outbox: Outbox) -> str:
    return outbox.accept(sender="a@example.org", recipient="me@example.com", subject="s", text="t").mail.id


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("messaging.db*"))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    (tmp_path / "data").mkdir()
    database = Database(Secret(f"sqlite:///{tmp_path}/data/messaging.db"))
    database.upgrade()
    return database


def test_nothing_is_accepted_into_a_deleted_database(tmp_path: Path, database: Database) -> None:
    outbox = Outbox(database)
    _accept(outbox)
    for file in _files(tmp_path / "data"):
        file.unlink()
    with pytest.raises(OutboxUnavailableError):
        _accept(outbox)
    with pytest.raises(OutboxUnavailableError):
        outbox.check()
    assert _files(tmp_path / "data") == [], "it came back empty"
    database.close()


def test_a_database_that_is_moved_back_goes_on(tmp_path: Path, database: Database) -> None:
    outbox = Outbox(database)
    before = _accept(outbox)
    database.close()
    (tmp_path / "data").rename(tmp_path / "away")
    with pytest.raises(OutboxUnavailableError):
        _accept(outbox)
    (tmp_path / "away").rename(tmp_path / "data")
    after = _accept(outbox)
    assert [mail.id for mail in listed(outbox)] == [after, before]
    database.close()


def test_a_database_put_in_the_place_of_the_old_one_is_used(tmp_path: Path, database: Database) -> None:
    outbox = Outbox(database)
    _accept(outbox)
    other = Database(Secret(f"sqlite:///{tmp_path}/other.db"))
    other.upgrade()
    other.close()
    for file in _files(tmp_path / "data"):
        file.unlink()
    (tmp_path / "other.db").rename(tmp_path / "data" / "messaging.db")
    accepted = _accept(outbox)
    assert [mail.id for mail in listed(outbox)] == [accepted]
    database.close()


def test_the_file_is_for_the_service_alone(tmp_path: Path, database: Database) -> None:
    assert (tmp_path / "data" / "messaging.db").stat().st_mode & 0o077 == 0
    database.close()
