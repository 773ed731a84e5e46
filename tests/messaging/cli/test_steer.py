"""`retry`, `cancel` and `prune`: one mail, or all of a selection, and what is left when that is interrupted."""

import contextlib
import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from messaging.cli import remote
from messaging.outbox import retention, steering
from messaging.outbox.clock import clock_ms
from messaging.outbox.states import State
from tests.fixtures.service import Service
from tests.fixtures.storage import accept
from tests.messaging.cli.conftest import Run

pytestmark = pytest.mark.slow


def mails_in(service: Service, state: State, number: int = 1) -> list[str]:
    ids = [accept(service.outbox).id for _ in range(number)]
    for mail_id in ids:
        service.bring_into(mail_id, state)
    return ids


def states(service: Service) -> list[State]:
    return sorted(mail.state for mail in service.mails)


@pytest.mark.usefixtures("seam")
@pytest.mark.parametrize(
    ("command", "state", "becomes"),
    [("cancel", State.QUEUED, "canceled at 20"), ("retry", State.FAILED, "queued, attempt 1: 550 5.1.1")],
)
def test_one_mail_is_steered(service: Service, run: Run, command: str, state: State, becomes: str) -> None:
    (mail_id,) = mails_in(service, state)
    done = run(command, mail_id)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{mail_id} {becomes}")
    again = run(command, mail_id)
    now = service.mails[0].state
    assert (again.code, again.out, again.err) == (1, "", f"messaging: the mail is {now}\n")


@pytest.mark.usefixtures("seam")
def test_one_mail_in_json_is_the_document_of_the_api(service: Service, run: Run) -> None:
    (mail_id,) = mails_in(service, State.QUEUED)
    document = json.loads(run("cancel", mail_id, "--json").out)
    assert (document["id"], document["state"], document["final"]) == (mail_id, "canceled", True)


@pytest.mark.usefixtures("seam")
@pytest.mark.parametrize("command", ["cancel", "retry"])
def test_a_mail_that_is_not_there_is_a_failure(run: Run, command: str) -> None:
    done = run(command, "nonsense")
    assert (done.code, done.out, done.err) == (1, "", "messaging: there is no mail of this id\n")


@pytest.mark.usefixtures("seam")
def test_all_of_a_selection_are_steered_and_no_others(service: Service, run: Run) -> None:
    mails_in(service, State.FAILED, 3)
    mails_in(service, State.RETRYING)
    mails_in(service, State.SENT)
    dry = run("retry", "--state", "failed", "--to", "@example.com", "--dry-run")
    assert (dry.code, dry.out) == (0, "3 mails would be retried\n")
    assert states(service) == ["failed"] * 3 + ["retrying", "sent"]
    done = run("retry", "--state", "failed", "--to", "@example.com")
    assert (done.code, done.out, done.err) == (0, "3 mails retried, 0 left\n", "")
    assert states(service) == ["queued"] * 3 + ["retrying", "sent"]
    document = json.loads(run("cancel", "--all", "--json").out)
    assert document == {"dry_run": False, "changed": 4, "left": 0}
    assert states(service) == ["canceled"] * 4 + ["sent"]


@pytest.mark.usefixtures("seam")
def test_more_than_one_call_changes_are_changed_all_the_same(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "MOST_AT_ONCE", 2)
    mails_in(service, State.FAILED, 5)
    assert run("retry", "--all").out == "5 mails retried, 0 left\n"


@pytest.mark.usefixtures("seam")
def test_those_that_stay_where_they_were_are_not_done_to_for_ever(service: Service, run: Run) -> None:
    (mail_id,) = mails_in(service, State.RETRYING)
    with service.database.recording.begin() as connection:
        connection.exec_driver_sql("UPDATE mails SET deaths = 2 WHERE id = ?", (mail_id,))
    assert run("retry", "--all").out == "1 mails retried, 0 left\n"


@pytest.mark.usefixtures("seam")
def test_those_that_come_meanwhile_are_left_alone(service: Service, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering, "MOST_AT_ONCE", 1)
    ids = mails_in(service, State.FAILED, 3)
    do_all = steering.Steering.do_all

    def overtaken(*arguments: Any, **options: Any) -> steering.Steered:
        if len(states(service)) == len(ids):
            mails_in(service, State.FAILED)
            service.steering.do(steering.RETRY, ids[-1])
        return do_all(*arguments, **options)

    monkeypatch.setattr(steering.Steering, "do_all", overtaken)
    assert run("retry", "--all").out == "2 mails retried, 0 left\n"
    assert states(service) == ["failed"] + ["queued"] * 3


@pytest.mark.usefixtures("seam")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "one of the two: an ID, or which mails are meant"),
        (["ID", "--state", "failed"], "one of the two: an ID, or which mails are meant"),
        (["ID", "--dry-run"], "--dry-run is for a selection"),
        (["--state", "sent"], "state: must be one of retrying, failed"),
        (["--to", "nobody"], "to: An email address must have an @-sign."),
    ],
)
def test_what_is_not_said_clearly_changes_nothing(
    service: Service, run: Run, arguments: list[str], problem: str
) -> None:
    mails_in(service, State.FAILED)
    done = run("retry", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"messaging: {problem}")
    assert states(service) == [State.FAILED]


def test_an_interrupt_ends_it_between_two_steps_and_what_was_done_is_counted(
    service: Service, seam: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "_BATCH", 2)
    monkeypatch.setattr(steering, "MOST_AT_ONCE", 4)
    mails_in(service, State.FAILED, 9)
    change = steering.Steering._change
    signals = [signal.SIGINT]

    def interrupted(*arguments: object) -> int:
        if signals:
            signal.raise_signal(signals.pop())
        return change(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(steering.Steering, "_change", interrupted)
    done = run("retry", "--all")
    retried = states(service).count(State.QUEUED)
    # A transaction here, a request there.
    assert retried == {"database": 2, "http": 4}[seam]
    assert (done.code, done.out) == (130, f"{retried} mails retried, {9 - retried} left\n")
    assert done.err == "messaging: interrupted; the others are as they were\n"


@pytest.mark.usefixtures("seam")
@pytest.mark.parametrize("most_at_once", [2, 9])
def test_where_the_database_goes_away_what_was_done_is_counted(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch, most_at_once: int
) -> None:
    monkeypatch.setattr(remote, "_AGAIN_AFTER_S", ())
    monkeypatch.setattr(steering, "_BATCH", 2)
    monkeypatch.setattr(steering, "MOST_AT_ONCE", most_at_once)
    mails_in(service, State.FAILED, 5)
    with contextlib.ExitStack() as outage:
        count = steering.Steering.count

        def away(_s: float = 0) -> None:
            outage.enter_context(service.without_database())

        def count_and_go(*arguments: Any) -> steering.Count:
            counted = count(*arguments)
            if counted.mails == 3:  # after the first step, where that is the whole of a request
                away()
            return counted

        monkeypatch.setattr(steering.Steering, "count", count_and_go)
        if most_at_once == 9:  # within the one request
            monkeypatch.setattr(steering, "time", SimpleNamespace(sleep=away))
        done = run("retry", "--all", "--json")
    monkeypatch.undo()
    assert (done.code, json.loads(done.out)) == (1, {"dry_run": False, "changed": 2, "left": None})
    assert done.err.count("\n") == 1
    assert states(service).count(State.QUEUED) == 2


# Removing.


@pytest.fixture
def finished(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], Sequence[str]]:
    """Makes mails that were finished in 2026's first March, and works on their database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", service.settings.database_url.reveal())
    return lambda number: mails_in(service, State.FAILED, number)


def test_removing_counts_no_more_often_for_more_mails_and_ends_beside_traffic(
    service: Service, finished: Callable[[int], Sequence[str]], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BATCH", 1)
    counts: list[int] = []
    count, remove = retention.Retention.count, retention.Retention.remove

    def counted(each: retention.Retention) -> int:
        counts.append(count(each))
        return counts[-1]

    def removed(each: retention.Retention) -> retention.Removed:
        batch = remove(each)
        if len(service.mails) < 20:  # as many as go become old enough
            service.clock.now = clock_ms()
            mails_in(service, State.FAILED)
        return batch

    monkeypatch.setattr(retention.Retention, "count", counted)
    monkeypatch.setattr(retention.Retention, "remove", removed)
    finished(10)
    done = run("prune", "--older-than", "1ms")
    assert (done.code, done.out) == (0, "10 mails removed\n")
    assert counts == [10, 0]


def test_what_was_finished_for_long_enough_is_removed(
    service: Service, finished: Callable[[int], Sequence[str]], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_BATCH", 2)
    finished(5)
    mails_in(service, State.QUEUED)
    assert run("prune", "--dry-run").out == "5 mails would be removed\n"
    assert run("prune", "--older-than", "365d").out == "0 mails removed\n"
    assert len(service.mails) == 6
    done = run("prune", "--json")
    assert (done.code, json.loads(done.out)) == (0, {"dry_run": False, "removed": 5, "left": 0})
    assert states(service) == [State.QUEUED]


def test_without_a_retention_somebody_has_to_say_how_old(
    finished: Callable[[int], Sequence[str]], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(1)
    monkeypatch.setenv("RETENTION", "off")
    done = run("prune")
    assert (done.code, done.err) == (2, "messaging: RETENTION is off: say --older-than\n")
    assert run("prune", "--older-than", "1d").out == "1 mails removed\n"


@pytest.mark.parametrize("command", [["prune"], ["key", "list"], ["link", "me@example.com"]])
def test_what_works_on_the_database_alone_is_refused_where_the_service_is_elsewhere(
    run: Run, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESSAGING_URL", "http://127.0.0.1:1")
    done = run(*command)
    words = f"messaging: {command[0]} works on the database of this machine, and MESSAGING_URL is set\n"
    assert (done.code, done.out, done.err) == (2, "", words)
    assert list(tmp_path.glob("var")) == []
