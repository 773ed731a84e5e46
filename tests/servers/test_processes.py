"""Watching and ending programs."""

import signal
import sys
from pathlib import Path

import pytest

from tests.servers.ports import free_address
from tests.servers.processes import Program

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(600)"
#: Starts a process that leaves the session, as daemons do, and ignores SIGTERM.
LEAVING = (
    "import subprocess, sys, time\n"
    f"subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], start_new_session=True)\n"
    "time.sleep(600)\n"
)


def python(tmp_path: Path, script: str, **environ: str) -> Program:
    return Program([sys.executable, "-c", script], tmp_path / "output", environ)


def test_its_output_is_waited_for_and_kept(tmp_path: Path) -> None:
    with python(tmp_path, "import os; print('ready at', os.environ['WHERE']); input()", WHERE="home") as program:
        assert program.wait_for_line(r"ready at \w+") == "ready at home"
        program.wait()
    assert "EOFError" in program.text


def test_it_has_the_environment_that_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_URL", "smtp://elsewhere")
    with python(tmp_path, "import os; print(os.environ.get('SMTP_URL'))") as program:
        program.wait_for_line("^None$")


def test_a_port_and_an_http_answer_are_waited_for(tmp_path: Path) -> None:
    address = free_address()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", address.rpartition(":")[2]]
    with Program(command, tmp_path / "output", cwd=tmp_path) as program:
        program.wait_for_port(address)
        program.wait_for_http(f"http://{address}/")
        program.wait_for_http(f"http://{address}/nothing", status=404)


def test_waiting_ends_when_the_program_does(tmp_path: Path) -> None:
    with python(tmp_path, "print('last words'); raise SystemExit(3)") as program:
        with pytest.raises(AssertionError, match=r"ended \(3\) before there was a line with ready\nlast words"):
            program.wait_for_line("ready")
        assert program.wait() == 3


def test_it_is_stopped_by_sigterm_first(tmp_path: Path) -> None:
    script = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('up'); signal.pause()"
    with python(tmp_path, script) as program:
        program.wait_for_line("up")
        assert program.stop() == 7


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    with python(tmp_path, STUBBORN) as program:
        program.wait_for_line("up")
        with pytest.raises(AssertionError, match="still runs"):
            program.stop(within_s=0.2)
    assert program.process.returncode == -signal.SIGKILL


def test_what_it_started_is_found_wherever_it_went(tmp_path: Path) -> None:
    with python(tmp_path, LEAVING) as program:
        program.wait_for_line("up")
        assert len(program.survivors()) == 1
        program.process.kill()
        program.wait()
        assert len(program.survivors()) == 1, "an orphan by now"
    assert program.survivors() == []
