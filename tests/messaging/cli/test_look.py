"""`status`, `list` and `tail`: what they show of the mails, to people and to programs."""

import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from messaging.cli import following, paging, remote
from messaging.cli.commands import tail
from messaging.outbox.states import State
from messaging.outbox.steering import RETRY
from tests.fixtures.service import Service
from tests.fixtures.storage import accept
from tests.messaging.cli.conftest import Run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("seam")]


def mail_in(service: Service, state: State, recipient: str = "me@example.com") -> str:
    service.clock.pass_s(0.001)  # ids of one moment are in no order
    mail_id = accept(service.outbox, recipient).id
    service.bring_into(mail_id, state)
    return mail_id


# One mail.


def test_one_mail_is_shown_with_its_attempts(service: Service, run: Run) -> None:
    mail_id = mail_in(service, State.FAILED)
    assert "published" not in run("status", mail_id).out
    service.confirms.came([mail_id])
    service.confirms.note()
    done = run("status", mail_id)
    told = dict(line.split(maxsplit=1) for line in done.out.splitlines() if not line.startswith("attempt"))
    assert (done.code, told["id"], told["state"], told["to"]) == (0, mail_id, "failed", "me@example.com")
    assert (told["from"], told["subject"]) == ("messaging@localhost", "A subject")
    assert told["published"].startswith("20")
    assert done.out.splitlines()[-1].startswith("attempt 1    20")
    assert done.out.endswith(", 30 + 60 ms: 550 5.1.1 No such user here\n")


def test_one_mail_in_json_is_the_document_of_the_api(service: Service, key: str, run: Run) -> None:
    mail_id = mail_in(service, State.RETRYING)
    service.confirms.came([mail_id])
    service.confirms.note()
    answer = service.public.get(f"/v1/emails/{mail_id}", {"X-API-Key": key, "Accept": "application/json"})
    assert json.loads(run("status", mail_id, "--json").out) == answer.json
    assert answer.json["published_at"]


@pytest.mark.parametrize("mail_id", ["nonsense", "01a1ff66-f1c5-73b9-a8ca-3e9d383d3120", "../overview?x="])
def test_a_mail_that_is_not_there_is_a_failure_in_one_line(run: Run, mail_id: str) -> None:
    done = run("status", mail_id)
    assert (done.code, done.out, done.err) == (1, "", "messaging: there is no mail of this id\n")


def test_what_keeps_a_mail_is_said(service: Service, run: Run) -> None:
    service.heartbeats.end(service.clock())
    mail_id = mail_in(service, State.QUEUED)
    last = run("status", mail_id).out.splitlines()[-1]
    assert last == "why          no worker has been seen for 40 s, it waits for one"


# All of it.


def test_all_of_it_is_shown_in_a_few_lines(service: Service, run: Run) -> None:
    mail_in(service, State.FAILED)
    waiting = mail_in(service, State.QUEUED)
    service.hold.begin("no route to the relay")
    lines = dict(line.split("  ", 1) for line in run("status").out.splitlines())
    told = {name: words.strip() for name, words in lines.items()}
    assert told["mails"] == "1 queued, 1 failed"
    assert told["oldest"].startswith(f"{waiting}, queued, accepted 20")
    assert told["relay"].startswith("held since 20")
    assert ": no route to the relay; tried again at 20" in told["relay"]
    assert told["dispatchers"] == "none was seen"
    assert told.keys() >= {"last hour", "last 7 days", "workers", "broker"}


def test_who_is_gone_is_shown_with_its_last_heartbeat(service: Service, run: Run) -> None:
    service.clock.pass_s(-60)
    service.heartbeats.beat(service.clock(), 3)
    service.clock.pass_s(60)
    (line,) = [line for line in run("status").out.splitlines() if line.startswith("gone ")]
    assert ", 3 in hand, last seen 20" in line


def test_all_of_it_in_json_is_the_document_of_the_api(service: Service, key: str, run: Run) -> None:
    mail_in(service, State.QUEUED)
    document = json.loads(run("status", "--json").out)
    answer = service.public.get("/v1/overview", {"X-API-Key": key, "Accept": "application/json"}).json
    assert document.keys() == answer.keys()
    assert (document["states"], document["oldest_waiting"]) == (answer["states"], answer["oldest_waiting"])


# The list.


def test_mails_are_listed_the_newest_first_in_a_line_each(service: Service, run: Run) -> None:
    assert run("list").out == ""
    failed, queued = mail_in(service, State.FAILED), mail_in(service, State.QUEUED)
    first, second = run("list").out.splitlines()
    assert first.split()[:2] == [queued, "queued"]
    assert second.split()[:2] == [failed, "failed"]
    assert second.endswith("  me@example.com  A subject  attempt 1: 550 5.1.1 No such user here")


def test_words_that_came_from_elsewhere_make_no_second_line_and_steer_no_terminal(service: Service, run: Run) -> None:
    service.outbox.accept(sender="a@b.c", recipient="me@example.com", subject="\u202ea\x1b[2J\nb", text="")
    (line,) = run("list").out.splitlines()
    assert line.endswith(r"  \u202ea\x1b[2J\nb")


def test_a_list_is_filtered_and_limited(service: Service, run: Run) -> None:
    other = mail_in(service, State.FAILED, "me@example.org")
    ids = [mail_in(service, State.FAILED) for _ in range(3)]
    mail_in(service, State.QUEUED)

    def listed(*arguments: str) -> list[str]:
        return [mail["id"] for mail in json.loads(run("list", "--json", *arguments).out)["emails"]]

    assert listed("--state", "failed", "--to", "@example.com") == ids[::-1]
    assert listed("--to", "me@example.org") == [other]
    assert listed("--before", ids[1], "--limit", "1") == [ids[0]]


def test_a_long_list_takes_several_pages(service: Service, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "PAGE", 2)
    ids = [mail_in(service, State.QUEUED) for _ in range(5)]
    document = json.loads(run("list", "--json").out)
    assert ([mail["id"] for mail in document["emails"]], document["next"]) == (ids[::-1], None)
    document = json.loads(run("list", "--json", "--limit", "3").out)
    assert [mail["id"] for mail in document["emails"]] == ids[:1:-1]
    assert document["next"].endswith(f"before={ids[2]}")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--state", "gone"], "state: must be one of scheduled, queued, "),
        (["--to", "nobody"], "to: An email address must have an @-sign."),
        (["--before", "yesterday"], "before: must be the id of a mail"),
    ],
)
def test_a_filter_that_is_none_is_used_wrongly(run: Run, arguments: list[str], problem: str) -> None:
    done = run("list", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"messaging: {problem}")


# Following.


@pytest.fixture
def follow(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Runs `tail`; between two looks something happens, and when nothing more does, Ctrl-C ends it."""

    def follow(*steps: Callable[[], object], lines: int = 10) -> list[dict[str, Any]]:
        left = list(steps)

        def sleep(_seconds: float) -> None:
            if not left:
                raise KeyboardInterrupt
            left.pop(0)()

        monkeypatch.setattr(tail, "time", types.SimpleNamespace(sleep=sleep))
        done = run("tail", "--json", "-n", str(lines))
        assert (done.code, done.err) == (130, "")
        return [json.loads(line) for line in done.out.splitlines()]

    return follow


def states(told: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(mail["id"], mail["state"]) for mail in told]


def nothing() -> None:
    """Happens often."""


def test_what_is_there_is_told_at_the_start_the_oldest_first(
    service: Service, follow: Callable[..., list[dict[str, Any]]]
) -> None:
    ids = [mail_in(service, State.SENT) for _ in range(3)]
    assert states(follow(nothing, lines=2)) == [(ids[1], "sent"), (ids[2], "sent")]


def test_each_step_of_a_mail_is_told_once(service: Service, follow: Callable[..., list[dict[str, Any]]]) -> None:
    old = mail_in(service, State.QUEUED)
    new: list[str] = []
    told = follow(
        lambda: new.append(mail_in(service, State.QUEUED)),
        nothing,
        lambda: service.bring_into(old, State.FAILED),
        lambda: service.bring_into(new[0], State.SENT),
        nothing,
        lambda: service.steering.do(RETRY, old),
        nothing,
        lines=0,
    )
    assert states(told) == [(new[0], "queued"), (old, "failed"), (new[0], "sent"), (old, "queued")]
    assert told[1]["last_attempt"]["reply"] == "5.1.1 No such user here"


def test_a_mail_that_is_stored_after_a_newer_one_was_seen_is_told_of(
    service: Service, follow: Callable[..., list[dict[str, Any]]]
) -> None:
    told_before = mail_in(service, State.SENT)
    ids: list[str] = []

    def newer() -> None:
        service.clock.pass_s(2)
        ids.append(mail_in(service, State.QUEUED))

    def late() -> None:
        service.clock.pass_s(-1)
        ids.append(mail_in(service, State.SENT))
        service.clock.pass_s(1)

    told = follow(newer, late, nothing, newer, newer, nothing, lines=1)
    assert states(told) == [
        (told_before, "sent"), (ids[0], "queued"), (ids[1], "sent"), (ids[2], "queued"), (ids[3], "queued"),
    ]  # fmt: skip


def test_those_that_left_the_newest_are_asked_for_in_turns(
    service: Service, follow: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PAGE", 1)
    monkeypatch.setattr(following, "_ASKED", 2)
    old: list[str] = []

    def newer() -> None:
        service.clock.pass_s(60)
        mail_in(service, State.SENT)

    def many() -> None:
        old.extend(mail_in(service, State.QUEUED) for _ in range(6))

    told = follow(many, newer, lambda: service.bring_into(old[3], State.FAILED), nothing, nothing, nothing, lines=0)
    assert (old[3], "failed") in states(told)


def test_what_is_no_longer_among_the_newest_is_followed_all_the_same(
    service: Service, follow: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PAGE", 2)
    old = [mail_in(service, State.QUEUED) for _ in range(2)]
    new: list[str] = []

    def many() -> None:
        new.extend(mail_in(service, State.SENT) for _ in range(5))

    told = follow(many, lambda: service.bring_into(old[0], State.FAILED), nothing, lines=0)
    assert states(told) == [*((each, "sent") for each in new), (old[0], "failed")]


def test_a_line_for_people_says_what_the_relay_said(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail_id = mail_in(service, State.FAILED)

    def sleep(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tail, "time", types.SimpleNamespace(sleep=sleep))
    done = run("tail")
    assert done.out.startswith("20")
    words = f" {mail_id} failed me@example.com A subject: attempt 1: 550 5.1.1 No such user here\n"
    assert done.out.endswith(words)


def test_a_database_that_is_away_for_a_while_is_said_once(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    steps: list[Callable[[], object]] = [
        lambda: service.database_path.parent.rename(away),
        nothing,
        lambda: away.rename(service.database_path.parent),
        lambda: mail_in(service, State.SENT),
    ]

    def sleep(_seconds: float) -> None:
        if not steps:
            raise KeyboardInterrupt
        steps.pop(0)()

    monkeypatch.setattr(remote, "_AGAIN_AFTER_S", ())
    monkeypatch.setattr(tail, "time", types.SimpleNamespace(sleep=sleep))
    done = run("tail")
    assert (done.err.count("\n"), done.out.count("\n")) == (1, 1)
