"""Commands as people and programs run them: processes beside the service, with a terminal and without one."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from messaging.outbox.database import Database
from messaging.outbox.outbox import Outbox
from tests.fixtures.storage import accept, connected, url_of
from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.servers.processes import Program
from tests.servers.smtp import SmtpServer
from tests.servers.terminal import Terminal

ROOT = Path(__file__).parents[2]
PYTHON = [sys.executable, "-m", "messaging"]

Commands = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def relay() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture(scope="module")
def system(relay: SmtpServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("service"), {"SMTP_URL": relay.url, "RETRY_SCHEDULE": "1h"}) as system:
        yield system


@pytest.fixture(params=["database", "http"])
def command(request: pytest.FixtureRequest, system: System, tmp_path: Path) -> Commands:
    """Runs a command, beside the service and over HTTP."""
    if request.param == "http":
        folder, environ = tmp_path, {"MESSAGING_URL": f"http://{system.address}", "MESSAGING_KEY": _key(system)}
    else:
        folder, environ = system.folder, dict(system.environ)

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PYTHON, *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def _key(system: System) -> str:
    made = subprocess.run(
        [*PYTHON, "key", "add", os.urandom(4).hex()],
        cwd=system.folder,
        env=system.environ,
        capture_output=True,
        check=True,
    )
    return made.stdout.decode().split()[-1]


@pytest.fixture
def failed(tmp_path: Path) -> Callable[[int], Path]:
    """Makes a database with many mails that failed; no service has it."""

    def make(number: int) -> Path:
        path = tmp_path / "many.db"
        database = Database(url_of(path))
        database.upgrade()
        accept(Outbox(database))
        database.close()
        with connected(path) as connection:
            names = [name for _, name, *_ in connection.execute("PRAGMA table_info(mails)") if name != "id"]
            connection.execute(
                f"""WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number - 1})
                INSERT INTO mails (id, {", ".join(names)})
                SELECT printf('01900000-0000-7000-8000-%012d', i), {", ".join(names)} FROM mails, n"""
            )
            connection.execute("UPDATE mails SET state = 'failed', due_at = NULL, finished_at = created_at")
        return path

    return make


def environ_of(path: Path, **others: str) -> dict[str, str]:
    return {"DATABASE_URL": f"sqlite:///{path}", "PYTHONPATH": str(ROOT), **others}


def counts(path: Path) -> dict[str, int]:
    with connected(path) as connection:
        return dict(connection.execute("SELECT state, count(*) FROM mails GROUP BY state"))


# Without a terminal.


def test_sending_ends_when_the_mail_went_out_which_takes_a_dispatcher_a_second(command: Commands) -> None:
    done = command("send", "me@example.com", "--wait", "--json", stdin="hello\n")
    mail = json.loads(done.stdout)
    assert (done.returncode, done.stderr, mail["state"]) == (0, "", "sent")
    took = datetime.fromisoformat(mail["finished_at"]) - datetime.fromisoformat(mail["created_at"])
    assert took.total_seconds() < 2


def test_sending_says_in_the_relay_s_words_why_it_failed(command: Commands, relay: SmtpServer) -> None:
    relay.follow({"RCPT": "550 5.1.1 No such user"})
    done = command("send", "me@example.com", "--wait", stdin="hello\n")
    relay.follow({})
    assert (done.returncode, done.stderr) == (1, "")
    assert ", attempt 1: 550 5.1.1 No such user" in done.stdout
    mail_id = done.stdout.split()[0]
    assert json.loads(command("status", mail_id, "--json").stdout)["state"] == "failed"
    assert command("list", "--state", "failed").stdout.startswith(f"{mail_id}  failed  20")
    assert command("retry", mail_id).stdout.startswith(f"{mail_id} queued")
    until(lambda: f"{mail_id}  sent  20" in command("list").stdout)


def test_what_a_program_hands_to_sendmail_goes_out(command: Commands, relay: SmtpServer) -> None:
    done = command("sendmail", "-ti", stdin="To: new@example.com\nSubject: From a program\n\nHello\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    until(lambda: any(b"Subject: From a program" in mail.content for mail in relay.accepted))


def test_a_list_can_be_cut_short_by_who_reads_it(failed: Callable[[int], Path]) -> None:
    environ = environ_of(failed(5000), PATH=os.environ["PATH"])
    script = f'set -o pipefail; "{sys.executable}" -m messaging list --limit 5000 | head -1; echo "code $?"'
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.count("\n")) == ("", 2)
    assert done.stdout.endswith("\ncode 141\n")


def test_following_shows_what_happens_until_it_is_interrupted(
    system: System, command: Commands, tmp_path: Path
) -> None:
    output = tmp_path / "arrivals"  # a name that may hold addresses
    with Program([*PYTHON, "tail", "--json"], output, system.environ, system.folder) as tail:
        sent = json.loads(command("send", "me@example.com", "--json", stdin="hello\n").stdout)
        tail.wait_for_line(f'"id": "{sent["id"]}", "state": "sent"')
        tail.signal(signal.SIGINT)
        assert tail.wait() == 130
    told = [json.loads(line) for line in tail.text.splitlines()]
    assert {mail["id"] for mail in told} >= {sent["id"]}


def test_what_is_finished_can_be_removed_by_hand(failed: Callable[[int], Path]) -> None:
    path = failed(500)
    done = subprocess.run(
        [*PYTHON, "prune", "--older-than", "1ms"], env=environ_of(path), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "500 mails removed\n", "")
    assert counts(path) == {}


# With one.


def test_a_terminal_shows_a_bar_and_ctrl_c_leaves_nothing_half_done(
    failed: Callable[[int], Path], tmp_path: Path
) -> None:
    path = failed(60_000)
    with Terminal([*PYTHON, "retry", "--all"], environ_of(path), tmp_path) as terminal:
        terminal.wait_for("/60000 [")
        assert "retried:" in terminal.shows()
        until(lambda: counts(path).get("queued", 0) > 1000)
        terminal.press("C-c")
        shown = terminal.wait_for("code ")
    queued = counts(path)["queued"]
    assert 1000 < queued < 60_000
    assert queued % 200 == 0
    assert "messaging: interrupted; the others are as they were" in shown
    assert f"\n{queued} mails retried, {60_000 - queued} left\n" in shown
    assert "code 130." in shown


def test_a_terminal_shows_a_bar_that_ends_full(failed: Callable[[int], Path], tmp_path: Path) -> None:
    with Terminal([*PYTHON, "retry", "--all"], environ_of(failed(1000)), tmp_path) as terminal:
        shown = terminal.wait_for("code ")
    assert "retried: 100%" in shown
    assert "1000/1000 [" in shown
    assert "\n1000 mails retried, 0 left\n" in shown


@pytest.mark.parametrize("no_color", [False, True], ids=["in color", "NO_COLOR"])
def test_a_terminal_shows_a_table_as_wide_as_it_is(
    failed: Callable[[int], Path], tmp_path: Path, *, no_color: bool
) -> None:
    environ = environ_of(failed(3), **({"NO_COLOR": "1"} if no_color else {}))
    with Terminal([*PYTHON, "list"], environ, tmp_path, columns=100) as terminal:
        terminal.wait_for("code 0.")
        lines = terminal.shows().splitlines()
        assert ("\x1b[31mfailed" in terminal.shows(colors=True)) is not no_color
    assert lines[0].split() == ["ID", "STATE", "ACCEPTED", "UTC", "TO", "SUBJECT", "LAST", "WORDS"]
    assert [line.split()[1] for line in lines[1:4]] == ["failed"] * 3
    assert max(map(len, lines)) <= 100
