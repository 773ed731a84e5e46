"""API keys are made once, shown once, and kept as a digest."""

from pathlib import Path

import pytest

from messaging.keys import KeyExistsError, Keys
from messaging.outbox.database import Database
from tests.fixtures.storage import connected


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database)


def test_a_key_is_known_by_its_name(keys: Keys) -> None:
    backup, cron = keys.add("backup"), keys.add("cron")
    assert (keys.name_of(backup), keys.name_of(cron)) == ("backup", "cron")


@pytest.mark.parametrize("other", ["", "msg_", "backup", "msg_" + "A" * 43, "\ud800", "é", "x" * 100_000])
def test_another_text_is_no_key(keys: Keys, other: str) -> None:
    keys.add("backup")
    assert keys.name_of(other) is None


def test_a_part_of_a_key_is_no_key(keys: Keys) -> None:
    key = keys.add("backup")
    assert keys.name_of(key[:-1]) is None
    assert keys.name_of(key + " ") is None
    assert keys.name_of(key.upper()) is None


def test_a_name_is_given_once(keys: Keys) -> None:
    key = keys.add("backup")
    with pytest.raises(KeyExistsError, match='"backup"'):
        keys.add("backup")
    assert keys.name_of(key) == "backup"


def test_no_key_is_on_the_disk(keys: Keys, database_path: Path) -> None:
    key = keys.add("backup")
    with connected(database_path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"backup" in database_path.read_bytes()
    assert key.removeprefix("msg_").encode() not in database_path.read_bytes()


def test_keys_are_long_and_all_different(keys: Keys) -> None:
    made = {keys.add(f"key {number}") for number in range(20)}
    assert len(made) == 20
    assert all(len(key) > 40 and key.startswith("msg_") for key in made)
