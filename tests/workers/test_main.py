"""The worker processes' root: it says in one line why it does not start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from messaging.outbox.database import Database
from messaging.outbox.outbox import Outbox
from messaging.outbox.states import State
from tests.fixtures.storage import put, url_of
from tests.servers.processes import Program

pytestmark = pytest.mark.slow


def import_root(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Do what `dramatiq workers.main` does first."""
    return subprocess.run(
        [sys.executable, "-c", "import workers.main"],
        cwd=folder,
        env={"PYTHONPATH": str(Path.cwd()), "PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("environ", "code", "words"),
    [
        ({}, 2, "messaging: BROKER_URL: memory:// has its workers inside the web process"),
        (
            {"DATABASE_URL": "sqlite:////dev/null/messaging.db", "BROKER_URL": "amqp://127.0.0.1:1"},
            1,
            "messaging: DATABASE_URL: /dev/null",
        ),
    ],
)
def test_what_is_wrong_is_one_line_and_a_code(tmp_path: Path, environ: dict[str, str], code: int, words: str) -> None:
    done = import_root(tmp_path, **environ)
    assert done.returncode == code
    assert done.stderr.startswith(words)
    assert done.stderr.count("\n") == 1


def test_it_needs_no_broker_to_start(tmp_path: Path) -> None:
    done = import_root(tmp_path, BROKER_URL="amqp://127.0.0.1:1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "var" / "messaging.db").is_file()


def test_what_it_logs_does_not_go_through_the_master(tmp_path: Path) -> None:
    path, log = tmp_path / "messaging.db", tmp_path / "dramatiq.log"
    database = Database(url_of(path))
    database.upgrade()
    put(Outbox(database), path, State.QUEUED, 0)
    database.close()
    environ = {
        "PYTHONPATH": str(Path.cwd()),
        "DATABASE_URL": f"sqlite:///{path}",
        "BROKER_URL": "amqp://127.0.0.1:1",
    }
    command = [sys.executable, "-m", "dramatiq", "workers.main", "-p", "1", "-t", "1", "--log-file", str(log)]
    with Program(command, tmp_path / "out", environ, tmp_path) as workers:
        assert "workers.dispatcher: cannot dispatch" in workers.wait_for_line("cannot dispatch")
    assert "booting up" in log.read_text()
    assert "cannot dispatch" not in log.read_text()
