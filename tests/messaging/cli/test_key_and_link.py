"""The command line: what it prints, where, and with which exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.values import Rate
from messaging.cli.main import main
from messaging.draft import Draft
from messaging.links import Links
from messaging.outbox.secret import LinkSecret
from tests.fixtures.service import Service
from tests.fixtures.waiting import until


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
    key = service.keys.find(document["key"])
    assert key is not None
    assert key.name == document["name"] == "backup"


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
    "arguments",
    [
        [],
        ["nonsense"],
        ["key"],
        ["key", "add"],
        ["key", "add", "a", "b"],
        ["serve", "--port", "80"],
        ["key", "revoke"],
        ["link"],
        ["link", "me@example.com", "--revoke-all"],
    ],
)
def test_used_wrongly_it_says_how(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "usage: messaging" in err


def test_a_key_has_the_limit_the_recipients_and_the_mark_that_it_was_given(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["key", "add", "ci", "--limit", "100/h", "--to", "@example.com,Me@example.org", "--to", "a@b.c", "--test"])
    key = service.keys.find(capsys.readouterr().out.split()[-1])
    assert key is not None
    assert (key.rate, key.recipients, key.test) == (
        Rate(100, 3600.0),
        ("@example.com", "me@example.org", "a@b.c"),
        True,
    )


def test_keys_are_listed_by_line(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    main(["key", "list"])
    assert capsys.readouterr().out == ""
    key = service.keys.add("backup")
    service.clock.pass_s(1)
    service.keys.add("ci", rate=Rate(100, 3600.0), recipients=("@example.com", "me@example.org"), test=True)
    service.keys.find(key)
    until(lambda: service.keys.list()[0].last_used_at)
    main(["key", "list"])
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "backup, created 2026-03-01T12:00:00.000Z, last used 2026-03-01T12:00:01.000Z",
        "ci, created 2026-03-01T12:00:01.000Z, never used, limit 100/h, to @example.com me@example.org, test",
    ]
    assert err == ""


def test_keys_are_listed_in_json(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    key = service.keys.add("ci", rate=Rate(100, 3600.0), recipients=("@example.com",), test=True)
    main(["key", "list", "--json"])
    out = capsys.readouterr().out
    assert json.loads(out) == [
        {
            "name": "ci",
            "created_at": "2026-03-01T12:00:00.000Z",
            "last_used_at": None,
            "limit": "100/h",
            "to": ["@example.com"],
            "test": True,
        }
    ]
    assert key.removeprefix("msg_") not in out


def test_a_revoked_key_is_a_wrong_one(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    key = service.keys.add("backup")
    main(["key", "revoke", "backup"])
    assert capsys.readouterr().out == "revoked backup\n"
    assert service.public.get("/?sendmail=me@example.com", {"X-API-Key": key}).status == 401
    assert exit_code("key", "revoke", "backup") == 1
    assert capsys.readouterr().err == 'messaging: there is no key named "backup"\n'


def test_a_link_sends_the_mail_it_was_made_for(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    main(["link", "me+tag@example.com", "--subject", "Grüße", "--text", "Eins\nzwei"])
    out, err = capsys.readouterr()
    assert out.startswith("http://127.0.0.1:8080/?link=")
    assert err == ""
    links = Links(LinkSecret(service.database))
    link = links.read(out.strip().partition("=")[2], "link")
    assert link.draft == Draft("me+tag@example.com", "Grüße", "Eins\nzwei")
    assert 7 * 86_400_000 - 60_000 < link.ends_in_ms <= 7 * 86_400_000


@pytest.mark.parametrize(("listen", "url"), [("0.0.0.0:81", "http://127.0.0.1:81/"), ("[::]:81", "http://[::1]:81/")])
def test_a_link_leads_where_this_machine_reaches_a_service_that_listens_everywhere(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], listen: str, url: str
) -> None:
    monkeypatch.setenv("LISTEN", listen)
    main(["link", "me@example.com"])
    assert capsys.readouterr().out.startswith(f"{url}?link=")


def test_a_link_carries_the_greeting_where_it_has_no_words_of_its_own(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GREETING_SUBJECT", "Hi from us")
    main(["link", "me@example.com", "--at", "https://name.ngrok-free.app/", "--expires", "2h", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["to"] == "me@example.com"
    url, _, token = document["url"].partition("?link=")
    assert url == "https://name.ngrok-free.app/"
    link = Links(LinkSecret(service.database)).read(token, "link")
    assert link.draft.subject == "Hi from us"
    assert link.ends_in_ms <= 7_200_000


@pytest.mark.parametrize(
    ("json_", "printed"), [([], "revoked all links that were made so far\n"), (["--json"], '{"revoked": true}\n')]
)
def test_a_running_service_refuses_links_that_were_made_before_all_were_revoked(
    service: Service, capsys: pytest.CaptureFixture[str], json_: list[str], printed: str
) -> None:
    used, unused = (service.links.make(Draft("me@example.com", "s", "t"), 3600) for _ in range(2))
    assert service.public.get(f"/?link={used}").status == 202
    main(["link", "--revoke-all", *json_])
    assert capsys.readouterr().out == printed
    assert [service.public.get(f"/?link={token}").status for token in (used, unused)] == [403, 403]
    main(["link", "me@example.com"])
    answer = service.public.get(f"/?link={capsys.readouterr().out.strip().partition('=')[2]}")
    assert (answer.status, len(service.mails)) == (202, 2)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nobody"], "ADDRESS: An email address must have an @-sign."),
        (["me@example.com", "--subject", "a\nb"], "subject: one line without control characters"),
        (["me@example.com", "--text", "a\0b"], "text: no NUL characters"),
        (["me@example.org"], "ADDRESS: not among ALLOWED_RECIPIENTS, the link would be refused"),
    ],
)
def test_a_link_that_could_not_be_followed_is_not_made(
    arguments: list[str], problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALLOWED_RECIPIENTS", "@example.com")
    assert exit_code("link", *arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"messaging: {problem}\n")


def test_a_link_that_is_too_long_for_others_on_the_way_is_not_made(capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(str(number) for number in range(20_000))
    assert exit_code("link", "me@example.com", "--text", words) == 2
    assert capsys.readouterr().err.startswith("messaging: a link has at most 8000 characters, this one ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["key", "add", ""],
        ["key", "add", " "],
        ["key", "add", "a\nb"],
        ["key", "add", "a" * 101],
        ["key", "add", "a", "--limit", "0/h"],
        ["key", "add", "a", "--limit", ""],
        ["key", "add", "a", "--to", "example.com"],
        ["key", "add", "a", "--to", "me@example.com you@example.com"],
        # A script whose variable is not set must not make a key that may send to all.
        ["key", "add", "a", "--to", ""],
        ["key", "add", "a", "--to", ","],
        ["link", "me@example.com", "--expires", "0s"],
        ["link", "me@example.com", "--expires", "soon"],
        ["link", "me@example.com", "--expires", "366d"],
    ],
)
def test_arguments_that_cannot_be_used_make_nothing(
    service: Service, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "cannot be used; allowed: " in err
    assert service.keys.list() == []


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--help") == 0
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "python -m messaging serve" in out
    assert "python -m messaging key add" in out
    assert "python -m messaging link" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--help"],
        ["key", "--help"],
        ["key", "add", "--help"],
        ["key", "list", "--help"],
        ["key", "revoke", "--help"],
        ["link", "--help"],
    ],
)
def test_every_command_has_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*arguments) == 0
    assert f"usage: messaging {arguments[0]}" in capsys.readouterr().out


@pytest.mark.slow
def test_it_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "messaging", "key", "add", "backup"]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.split()[-1][:4]) == (0, "msg_")
