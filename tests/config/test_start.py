"""A bad setting stops the start of every process with one line and exit code 2."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.errors import SettingError
from config.start import FAILED, USED_WRONGLY, exit_with, settings_or_exit

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[2]

_SERVE = ("messaging", "serve")
_WORKERS = ("workers", "-p", "2", "-t", "1")
_PLAIN_WORKERS = ("dramatiq", "workers.main", "-p", "1", "-t", "1")


def _start(folder: Path, *module: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *module],
        cwd=folder,
        env={"PYTHONPATH": str(_ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_settings_come_from_the_environment_and_the_file_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("LISTEN=127.0.0.1:1\nLOG_LEVEL=debug\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LISTEN", "127.0.0.1:2")
    settings = settings_or_exit()
    assert (settings.listen.port, settings.log_level) == (2, "debug")


def test_a_bad_setting_ends_the_process_with_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEB_THREADS", "none")
    with pytest.raises(SystemExit) as caught:
        settings_or_exit()
    assert caught.value.code == USED_WRONGLY == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == 'messaging: WEB_THREADS: "none" cannot be used; allowed: a whole number from 1 to 512\n'


@pytest.mark.parametrize("error", ["the disk is full", OSError(28, "the disk is full"), SettingError("A", "b", "c")])
def test_what_else_stops_a_process_ends_it_with_code_1(
    error: str | OSError | SettingError, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        exit_with(error)
    assert caught.value.code == FAILED == 1
    assert capsys.readouterr().err == f"messaging: {error}\n"


def test_the_web_process_says_one_line(tmp_path: Path) -> None:
    done = _start(tmp_path, *_SERVE, LISTEN="two\nlines")
    assert (done.returncode, done.stdout) == (USED_WRONGLY, "")
    assert done.stderr == (
        'messaging: LISTEN: "two\\nlines" cannot be used; '
        "allowed: an address and a port such as 127.0.0.1:8080 or [::1]:8080\n"
    )


def test_a_secret_in_the_file_is_not_said(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SMTP_URL=smtp://me:hunter2@host/path\n")
    done = _start(tmp_path, *_SERVE)
    assert (done.returncode, done.stdout) == (USED_WRONGLY, "")
    assert done.stderr.startswith("messaging: SMTP_URL: the value cannot be used; allowed: ")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_the_workers_say_one_line_between_them(tmp_path: Path) -> None:
    done = _start(tmp_path, *_WORKERS, BROKER_URL="amqp://localhost:1", LEASE="0s")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (USED_WRONGLY, "", 1)
    assert done.stderr.startswith('messaging: LEASE: "0s" cannot be used; allowed: a duration above zero ')


def test_a_worker_process_says_one_line_between_those_of_dramatiq(tmp_path: Path) -> None:
    done = _start(tmp_path, *_PLAIN_WORKERS, BROKER_URL="amqp://localhost:1", LEASE="0s")
    lines = done.stderr.splitlines()
    # The master, which knows nothing of settings, says that it starts and mostly that it ends.
    (said,) = (line for line in lines if "dramatiq.MainProcess" not in line)
    assert said.startswith('messaging: LEASE: "0s" cannot be used; allowed: a duration above zero such as 500ms, ')
    assert (done.returncode, done.stdout) == (USED_WRONGLY, "")


@pytest.mark.parametrize("module", ["workers.main", "workers"])
def test_workers_of_their_own_need_a_broker_of_their_own(tmp_path: Path, module: str) -> None:
    done = _start(tmp_path, module)
    assert (done.returncode, done.stdout) == (USED_WRONGLY, "")
    assert done.stderr.startswith("messaging: BROKER_URL: memory:// has its workers inside the web process; allowed: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
