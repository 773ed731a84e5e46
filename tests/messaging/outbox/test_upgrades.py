"""The schema's versions: a database is made, brought up to date, or refused."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from messaging.outbox import upgrades
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxUnavailableError, SchemaTooNewError
from messaging.outbox.outbox import Outbox
from messaging.outbox.schema import metadata
from messaging.outbox.states import State
from messaging.outbox.tallies import MINUTE_MS, Tallies
from messaging.outbox.upgrades import STEPS
from tests.fixtures.clock import NOON_MS
from tests.fixtures.storage import accept, connected, url_of

TABLES = sorted(metadata.tables)

#: A program that upgrades the databases whose paths it reads, one a line.
UPGRADER = """
import sys
from config.secret import Secret
from messaging.outbox.database import Database
for line in sys.stdin:
    database = Database(Secret("sqlite:///" + line.strip()))
    database.upgrade()
    database.close()
    print("done", flush=True)
"""


@pytest.fixture
def fresh(database_path: Path) -> Iterator[Database]:
    """A database that nobody has made yet."""
    database = Database(url_of(database_path))
    yield database
    database.close()


def version_of(path: Path) -> list[tuple[int]]:
    with connected(path) as connection:
        return connection.execute("SELECT version FROM schema_version").fetchall()


def statements_of(path: Path) -> list[tuple[str]]:
    with connected(path) as connection:
        return connection.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()


def test_an_upgrade_makes_a_database_of_the_newest_version(fresh: Database, database_path: Path) -> None:
    fresh.upgrade()
    assert sorted(inspect(fresh.reading).get_table_names()) == sorted([*TABLES, "schema_version"])
    assert version_of(database_path) == [(len(STEPS),)]


def test_an_upgrade_makes_the_folder_of_the_database(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path / "some" / "where" / "messaging.db"))
    database.upgrade()
    database.close()
    assert (tmp_path / "some" / "where" / "messaging.db").is_file()


def test_a_second_upgrade_changes_nothing(fresh: Database, database_path: Path) -> None:
    fresh.upgrade()
    before = statements_of(database_path)
    fresh.upgrade()
    assert statements_of(database_path) == before
    assert version_of(database_path) == [(len(STEPS),)]


def test_a_newer_database_is_refused_and_left_alone(fresh: Database, database_path: Path) -> None:
    fresh.upgrade()
    with connected(database_path) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    with pytest.raises(SchemaTooNewError) as refusal:
        fresh.upgrade()
    assert (refusal.value.found, refusal.value.known) == (99, len(STEPS))
    assert "run the newer program" in str(refusal.value)
    assert version_of(database_path) == [(99,)]


def test_an_older_database_is_brought_up_and_keeps_its_mails(
    database: Database, database_path: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = accept(outbox)
    monkeypatch.setattr(upgrades, "STEPS", (*STEPS, ("ALTER TABLE mails ADD COLUMN note TEXT",)))
    database.upgrade()
    assert version_of(database_path) == [(len(STEPS) + 1,)]
    assert outbox.read(mail.id) == mail
    assert "note" in [column["name"] for column in inspect(database.reading).get_columns("mails")]


def test_mails_that_were_finished_before_there_were_counts_are_counted(
    fresh: Database, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrades, "STEPS", STEPS[:1])
    fresh.upgrade()
    with connected(database_path) as connection:
        for number, state in enumerate(["sent", "sent", "failed", "queued"]):
            finished_at = None if state == "queued" else NOON_MS + number
            connection.execute(
                "INSERT INTO mails (id, state, attempts, created_at, finished_at, sender, recipient, subject, text)"
                " VALUES (?, ?, 1, 1, ?, 'a@example.org', 'b@example.org', 's', 't')",
                (str(number), state, finished_at),
            )
    monkeypatch.undo()
    fresh.upgrade()
    tallies = Tallies(fresh, lambda: NOON_MS)
    assert {state: sum(counts) for state, counts in tallies.series(MINUTE_MS, 60).counts.items()} == {
        State.SENT: 2,
        State.FAILED: 1,
    }


def test_an_upgrade_that_fails_half_way_leaves_everything_as_it_was(
    database: Database, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = statements_of(database_path)
    monkeypatch.setattr(upgrades, "STEPS", (*STEPS, ("ALTER TABLE mails ADD COLUMN note TEXT", "NO SUCH STATEMENT")))
    with pytest.raises(OutboxUnavailableError):
        database.upgrade()
    assert statements_of(database_path) == before
    assert version_of(database_path) == [(len(STEPS),)]


@pytest.mark.slow
def test_several_processes_may_upgrade_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", UPGRADER]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    answers: list[str] = []
    for number in range(40):
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(f"{tmp_path}/{number}.db\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            answers.append(process.stdout.readline())
        if "" in answers:
            break
    errors = [process.communicate()[1] for process in processes]
    assert errors == [""] * 3
    assert answers == ["done\n"] * 120


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_the_upgrades_make_what_the_code_sees(
    database: Database, database_path: Path, tmp_path: Path, name: str
) -> None:
    from_the_code = tmp_path / "from-the-code.db"
    engine = create_engine(f"sqlite:///{from_the_code}")
    metadata.create_all(engine)
    engine.dispose()
    assert described(database_path, name) == described(from_the_code, name)


def described(path: Path, table: str) -> list[list[tuple[object, ...]]]:
    """All of a table that the database enforces or uses."""
    questions = (
        'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?)',
        'SELECT "from", "table", "to", on_update, on_delete FROM pragma_foreign_key_list(?)',
        'SELECT name, "unique", origin, partial FROM pragma_index_list(?) ORDER BY name',
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? ORDER BY name",
    )
    with connected(path) as connection:
        return [connection.execute(question, (table,)).fetchall() for question in questions]
