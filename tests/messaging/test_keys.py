"""API keys are made once, shown once, and kept as a digest."""

import threading
import time
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest
from sqlalchemy import event

from config.values import Rate
from messaging.keys import KeyExistsError, Keys, UnknownKeyError
from messaging.outbox.database import Database
from tests.fixtures.clock import Clock
from tests.fixtures.storage import connected, locked
from tests.fixtures.threads import wait_for_end_of
from tests.fixtures.waiting import until


@pytest.fixture
def keys(database: Database, clock: Clock) -> Keys:
    return Keys(database, clock)


def name_of(keys: Keys, key: str) -> str:
    found = keys.find(key)
    assert found is not None
    return found.name


def test_a_key_is_known_by_its_name(keys: Keys) -> None:
    backup, cron = keys.add("backup"), keys.add("cron")
    assert (name_of(keys, backup), name_of(keys, cron)) == ("backup", "cron")


@pytest.mark.parametrize("other", ["", "msg_", "backup", "msg_" + "A" * 43, "\ud800", "é", "x" * 100_000])
def test_another_text_is_no_key(keys: Keys, other: str) -> None:
    keys.add("backup")
    assert keys.find(other) is None


def test_a_part_of_a_key_is_no_key(keys: Keys) -> None:
    key = keys.add("backup")
    assert keys.find(key[:-1]) is None
    assert keys.find(key + " ") is None
    assert keys.find(key.upper()) is None


def test_a_name_is_given_once(keys: Keys) -> None:
    key = keys.add("backup")
    with pytest.raises(KeyExistsError, match='"backup"'):
        keys.add("backup")
    assert name_of(keys, key) == "backup"


def test_no_key_is_on_the_disk(keys: Keys, database_path: Path) -> None:
    key = keys.add("backup")
    with connected(database_path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"backup" in database_path.read_bytes()
    assert key.removeprefix("msg_").encode() not in database_path.read_bytes()


def test_keys_have_256_bits_and_are_all_different(keys: Keys) -> None:
    made = {keys.add(f"key {number}") for number in range(20)}
    assert len(made) == 20
    assert all(key.startswith("msg_") for key in made)
    assert {len(urlsafe_b64decode(key.removeprefix("msg_") + "=")) for key in made} == {256 // 8}


def test_what_a_key_may_is_kept_with_it(keys: Keys, clock: Clock) -> None:
    key = keys.add("shop", rate=Rate(100, 3600.0), recipients=("@example.com", "me@example.org"), test=True)
    found = keys.find(key)
    assert found is not None
    assert (found.name, found.created_at, found.rate) == ("shop", clock(), Rate(100, 3600.0))
    assert (found.recipients, found.test) == (("@example.com", "me@example.org"), True)
    plain = keys.find(keys.add("plain"))
    assert plain is not None
    assert (plain.rate, plain.recipients, plain.test) == (None, (), False)


@pytest.mark.parametrize("rate", [Rate(1, 1.0), Rate(20, 60.0), Rate(3, 3600.0), Rate(10**9 - 1, 86400.0)])
def test_every_rate_is_read_as_it_was_written(keys: Keys, rate: Rate) -> None:
    found = keys.find(keys.add("shop", rate=rate))
    assert found is not None
    assert found.rate == rate


def test_all_keys_are_listed_without_what_they_are(keys: Keys, clock: Clock) -> None:
    first = keys.add("b")
    clock.pass_s(1)
    keys.add("a")
    assert [key.name for key in keys.list()] == ["b", "a"]
    assert first.removeprefix("msg_") not in repr(keys.list())


def test_a_revoked_key_is_worthless_at_once(keys: Keys) -> None:
    key, other = keys.add("backup"), keys.add("other")
    assert keys.find(key)
    keys.revoke("backup")
    assert keys.find(key) is None
    assert keys.find(other)
    assert [key.name for key in keys.list()] == ["other"]
    with pytest.raises(UnknownKeyError, match=r'^there is no key named "backup"$'):
        keys.revoke("backup")


@pytest.mark.slow
def test_a_revoked_key_is_worthless_in_other_processes_within_a_second(keys: Keys, database: Database) -> None:
    key = keys.add("backup")
    elsewhere = Keys(database)
    assert elsewhere.find(key)
    keys.revoke("backup")
    revoked_at = time.monotonic()
    until(lambda: elsewhere.find(key) is None)
    assert time.monotonic() - revoked_at < 1.5
    assert elsewhere.find(key) is None


def test_a_name_that_was_revoked_may_be_given_again_to_another_key(keys: Keys) -> None:
    first = keys.add("backup")
    keys.revoke("backup")
    second = keys.add("backup")
    assert keys.find(first) is None
    assert keys.find(second)


def test_a_key_in_use_is_asked_after_once_in_a_while(keys: Keys, database: Database) -> None:
    key = keys.add("backup")
    assert keys.find(key)
    asked: list[str] = []
    event.listen(database.reading, "before_cursor_execute", lambda *args: asked.append(args[2]))
    for _ in range(100):
        assert keys.find(key)
    assert asked == []
    assert keys.find("nonsense") is None
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 1


def test_what_is_no_key_takes_up_no_memory(keys: Keys) -> None:
    for number in range(100):
        keys.find(f"msg_{number}")
    assert keys._known == {}


def last_used(keys: Keys) -> int | None:
    (key,) = keys.list()
    return key.last_used_at


def test_the_last_use_is_noted_to_the_minute(keys: Keys, database: Database, clock: Clock) -> None:
    key = keys.add("backup")
    assert last_used(keys) is None
    keys.find(key)
    until(lambda: last_used(keys) == clock())
    noted_at = clock()
    for seconds, noted in ((59, noted_at), (1, noted_at + 60_000)):
        clock.pass_s(seconds)
        # A process that has not asked for the key yet.
        elsewhere = Keys(database, clock)
        elsewhere.find(key)
        wait_for_end_of("key-use")
        assert last_used(keys) == noted


def test_nobody_waits_for_the_last_use_to_be_noted(keys: Keys, database_path: Path) -> None:
    key = keys.add("backup")
    with locked(database_path):
        began = time.monotonic()
        assert keys.find(key)
        assert time.monotonic() - began < 1
    until(lambda: last_used(keys) is not None)


def are_used(keys: Keys, *names: str) -> bool:
    return all(key.last_used_at is not None for key in keys.list() if key.name in names)


def test_of_keys_that_are_used_at_the_same_moment_each_is_noted(keys: Keys, database_path: Path) -> None:
    names = [f"key {number}" for number in range(5)]
    made = [keys.add(name) for name in names]
    with locked(database_path):
        assert all(keys.find(key) for key in made)
    until(lambda: are_used(keys, *names))


def test_a_use_for_which_no_thread_can_be_had_is_noted_with_the_next(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = keys.add("first"), keys.add("second")

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert keys.find(first)
    assert not are_used(keys, "first")
    assert keys.find(second)
    until(lambda: are_used(keys, "first", "second"))


def test_a_use_that_cannot_be_noted_is_no_trouble(keys: Keys, database_path: Path) -> None:
    key = keys.add("backup")
    with connected(database_path) as connection:
        connection.execute("CREATE TRIGGER broken BEFORE UPDATE ON keys BEGIN INSERT INTO nowhere VALUES (1); END")
    assert keys.find(key)
    wait_for_end_of("key-use")
    assert last_used(keys) is None
    assert keys.find(key)
