"""All commands alike: help, exit codes, what they import, and what they do about who reads them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from messaging.cli.main import COMMANDS
from tests.messaging.cli.conftest import Run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def python(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_its_exit_codes(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: messaging {command}")
    assert "exit codes" in done.out
    assert len(max(done.out.splitlines(), key=len)) <= 120


def test_the_help_names_all_commands(run: Run) -> None:
    out = run("--help").out
    assert all(f"\n    {command}" in out for command in COMMANDS)


@pytest.mark.parametrize(
    "arguments", [["send"], ["send", "a", "b", "c"], ["status", "a", "b"], ["list", "--limit", "0"], ["tail", "x"]]
)
def test_what_is_used_wrongly_says_how(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"usage: messaging {arguments[0]}")


#: What starts slowly.
_DEAR = [
    "sqlalchemy",
    "pika",
    "dramatiq",
    "waitress",
    "prometheus_client",
    "tqdm",
    "shtab",
    "dotenv",
    "email_validator",
]


@pytest.mark.parametrize(
    ("arguments", "environ", "needed"),
    [
        (["send", "me@example.com", "Hi"], {}, {"sqlalchemy", "email_validator"}),
        (["list"], {}, {"sqlalchemy", "email_validator"}),
        (["send", "me@example.com", "Hi"], {"MESSAGING_URL": "http://127.0.0.1:1", "MESSAGING_KEY": "x"}, set()),
        (["sendmail", "me@example.com"], {"MESSAGING_URL": "http://127.0.0.1:1", "MESSAGING_KEY": "x"}, set()),
        (["--help"], {}, set()),
    ],
    ids=["send", "list", "send over HTTP", "sendmail over HTTP", "help"],
)
def test_a_command_imports_only_what_it_needs(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], needed: set[str]
) -> None:
    script = f"""
import sys
from messaging.cli import main
try:
    import messaging.cli.remote
    messaging.cli.remote._AGAIN_AFTER_S = ()
    main.main({arguments})
except SystemExit:
    pass
print(*(each for each in {_DEAR} if each in sys.modules), file=sys.stderr)
"""
    done = python(tmp_path, "-c", script, **environ)
    assert set(done.stderr.splitlines()[-1].split()) == needed


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script_that_the_shell_takes(run: Run, shell: str, tmp_path: Path) -> None:
    script = run("completion", shell).out
    assert "--dry-run" in script
    assert all(command in script for command in COMMANDS)
    if shell == "bash":
        (tmp_path / "script").write_text(script)
        ask = 'source ./script; COMP_WORDS=(messaging re); COMP_CWORD=1; _shtab_messaging; echo "${COMPREPLY[@]}"'
        done = subprocess.run(
            ["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=10
        )
        assert (done.stdout, done.stderr) == ("retry resend\n", "")


def test_who_stops_reading_is_told_nothing_and_no_traceback_is_seen(tmp_path: Path) -> None:
    environ = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "PY": sys.executable}
    many = 'for i in 1 2 3; do "$PY" -m messaging send me@example.com "$i" >/dev/null; done'
    script = f'{many}; set -o pipefail; "$PY" -u -m messaging list | (exec <&-; sleep 1); echo "code $?"'
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("code 141\n", "")


def test_letters_that_a_terminal_lacks_end_no_command(tmp_path: Path) -> None:
    latin = {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    assert python(tmp_path, "-m", "messaging", "send", "me@example.com", "Hi", "--subject", "✓ ж").returncode == 0
    listed = python(tmp_path, "-m", "messaging", "list", **latin)
    assert (listed.returncode, listed.stderr, r"\u2713 \u0436" in listed.stdout) == (0, "", True)
    doctor = python(tmp_path, "-m", "messaging", "doctor", **latin)
    assert (doctor.returncode, doctor.stderr) == (1, "")
    assert doctor.stdout.startswith("\\u2713 settings: ")


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["doctor"], ["completion", "bash"]])
def test_a_disk_that_is_full_is_said_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    python(tmp_path, "-m", "messaging", "send", "me@example.com", "Hi")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "messaging", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    said = "messaging: the output cannot be written (No space left on device)\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_a_process_with_no_terminal_and_nothing_on_any_stream(tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m messaging send me@example.com <&- >&- 2>&-; echo "code $?" >code'
    environ = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environ, check=False, timeout=60)
    assert (tmp_path / "code").read_text() == "code 0\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["status", "01a1ff66-f1c5-73b9-a8ca-3e9d383d3120"],
        ["list"],
        ["tail"],
        ["retry", "--all"],
        ["cancel", "--all"],
        ["prune"],
        ["sendmail", "me@example.com"],
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_who_looks_for_mails_where_there_is_no_database_makes_none(
    run: Run, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert (done.code, done.out) == (os.EX_TEMPFAIL if arguments[0] == "sendmail" else 1, "")
    assert "DATABASE_URL: there is no database at var/messaging.db; " in done.err
    assert done.err.count("\n") == 1
    assert not Path("var").exists()


def test_a_process_prints_json_and_nothing_else(tmp_path: Path) -> None:
    done = python(tmp_path, "-m", "messaging", "send", "me@example.com", "Hi", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (mail,) = json.loads(python(tmp_path, "-m", "messaging", "list", "--json").stdout)["emails"]
    assert json.loads(done.stdout)["id"] == mail["id"]
    shown = json.loads(python(tmp_path, "-m", "messaging", "status", mail["id"], "--json").stdout)
    assert shown["state"] == mail["state"] == "queued"
