"""The command line: what it prints, where, and with which exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from messaging.command_line import main
from tests.fixtures.service import Service


@pytest.fixture(autouse=True)
def _environment(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command works on the database of `service`, in a folder without `.env`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", service.settings.database_url.reveal())


def exit_code(*arguments: str) -> object:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    return exit_.value.code


def test_the_last_word_printed_is_a_key_that_works(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    main(["key", "add", "backup"])
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    key = out.split()[-1]
    assert key not in err
    assert "only now" in err
    document = {"to": "me@example.com", "subject": "Hi", "text": "There"}
    answer = service.public.post_json("/v1/emails", document, {"Authorization": f"Bearer {key}"})
    assert answer.status == 202


def test_json_is_one_document(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    main(["key", "add", "backup", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document.keys() == {"name", "key"}
    assert service.keys.name_of(document["key"]) == document["name"] == "backup"


def test_a_key_makes_the_database_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    main(["key", "add", "backup"])
    assert capsys.readouterr().out
    assert (tmp_path / "var" / "messaging.db").is_file()


def test_a_name_that_is_taken_is_a_failure_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    main(["key", "add", "backup"])
    capsys.readouterr()
    assert exit_code("key", "add", "backup") == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", 'messaging: there is a key named "backup" already\n')


def test_a_database_that_is_away_is_a_failure_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/file/messaging.db")
    assert exit_code("key", "add", "backup") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("messaging: ")
    assert err.count("\n") == 1


def test_a_setting_that_is_wrong_is_used_wrongly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEASE", "soon")
    assert exit_code("key", "add", "backup") == 2
    assert capsys.readouterr().err.startswith('messaging: LEASE: "soon"')


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["key"], ["key", "add"], ["key", "add", "a", "b"], ["serve", "--port", "80"]]
)
def test_used_wrongly_it_says_how(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "usage: messaging" in err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--help") == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "python -m messaging serve" in out
    assert "python -m messaging key add" in out


@pytest.mark.parametrize("arguments", [["serve", "--help"], ["key", "--help"], ["key", "add", "--help"]])
def test_every_command_has_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*arguments) == 0
    assert f"usage: messaging {arguments[0]}" in capsys.readouterr().out


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "messaging", "key", "add", "backup"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.split()[-1][:4]) == (0, "msg_")
