"""What has been finished for long enough goes, a few at a time; everything else stays."""

from pathlib import Path

import pytest

from config.values import Rate
from messaging.outbox import retention as module
from messaging.outbox.accepting import Terms
from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Attempt, Finish, Outcome
from messaging.outbox.repeats import Once
from messaging.outbox.retention import Retention
from messaging.outbox.states import FINAL, State
from messaging.outbox.uses import Use
from tests.fixtures.clock import Clock
from tests.fixtures.storage import accept, claimed, connected, listed, put

DAY_S = 86400.0


@pytest.fixture
def retention(database: Database, clock: Clock) -> Retention:
    return Retention(database, DAY_S, clock)


def finish(outbox: Outbox, claims: Claims, clock: Clock) -> str:
    """A mail that was refused now; returns its id."""
    claim = claimed(outbox, claims)
    refused = Attempt(1, clock(), 1, 2, Outcome.REFUSED, 550, "No such user")
    assert claims.finish(Finish(claim, State.FAILED, None, charged=True, attempt=refused))
    return claim.mail.id


def finished(outbox: Outbox, path: Path, state: State, clock: Clock) -> str:
    mail_id = put(outbox, path, state, None)
    with connected(path) as connection:
        connection.execute("UPDATE mails SET finished_at = ? WHERE id = ?", (clock(), mail_id))
    return mail_id


def ids(outbox: Outbox) -> set[str]:
    return {mail.id for mail in listed(outbox, limit=1000)}


@pytest.mark.parametrize("state", sorted(FINAL))
def test_what_was_finished_long_ago_goes_and_not_a_moment_before(
    outbox: Outbox, database_path: Path, clock: Clock, retention: Retention, state: State
) -> None:
    mail_id = finished(outbox, database_path, state, clock)
    clock.pass_s(DAY_S)
    assert retention.prune() == 0
    assert ids(outbox) == {mail_id}
    clock.pass_s(0.001)
    assert retention.prune() == 1
    assert ids(outbox) == set()


def test_the_time_counts_from_its_end_and_not_from_its_beginning(
    outbox: Outbox, claims: Claims, clock: Clock, retention: Retention
) -> None:
    claim = claimed(outbox, claims)
    clock.pass_s(10 * DAY_S)
    assert claims.finish(Finish(claim, State.SENT, None, charged=True, attempt=None))
    clock.pass_s(DAY_S)
    assert retention.prune() == 0
    clock.pass_s(1)
    assert retention.prune() == 1


@pytest.mark.parametrize("state", [state for state in State if state not in FINAL])
def test_what_is_not_finished_stays_however_old_it_is(
    outbox: Outbox, database_path: Path, clock: Clock, retention: Retention, state: State
) -> None:
    mail_id = put(outbox, database_path, state, clock())
    clock.pass_s(1000 * DAY_S)
    assert retention.prune() == 0
    assert ids(outbox) == {mail_id}


def test_its_attempts_go_with_it_and_those_of_the_others_stay(
    outbox: Outbox, claims: Claims, clock: Clock, retention: Retention
) -> None:
    old = finish(outbox, claims, clock)
    clock.pass_s(DAY_S + 1)
    new = finish(outbox, claims, clock)
    assert retention.prune() == 1
    assert outbox.attempts(old) == []
    assert len(outbox.attempts(new)) == 1


def test_old_and_new_are_told_apart(outbox: Outbox, claims: Claims, clock: Clock, retention: Retention) -> None:
    old = finish(outbox, claims, clock)
    waiting = accept(outbox).id
    clock.pass_s(DAY_S)
    new = finish(outbox, claims, clock)
    clock.pass_s(1)
    assert retention.prune() == 1
    assert ids(outbox) == {waiting, new}
    assert old not in ids(outbox)


def test_they_go_in_batches_the_oldest_first(
    outbox: Outbox, database_path: Path, clock: Clock, retention: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module._BATCH == 200
    monkeypatch.setattr(module, "_BATCH", 3)
    mails = []
    for _ in range(7):
        mails.append(finished(outbox, database_path, State.SENT, clock))
        clock.pass_s(1)
    clock.pass_s(DAY_S)
    assert retention.prune() == 3
    assert ids(outbox) == set(mails[3:])
    assert [retention.prune() for _ in range(3)] == [3, 1, 0]
    assert ids(outbox) == set()


def remembered(outbox: Outbox, token: int) -> None:
    use = Use(token, Rate(1, 60.0), "")
    terms = Terms(Once(token, 0, 60_000), (use,))
    outbox.accept(sender="a@example.org", recipient="me@example.com", subject="s", text="t", terms=terms)


def counts(path: Path) -> tuple[int, int]:
    """How many requests are remembered, and how many uses."""
    with connected(path) as connection:
        found = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("repeats", "uses")]
    return found[0], found[1]


@pytest.mark.parametrize("keep_s", [DAY_S, None])
def test_what_counted_for_a_time_goes_when_that_is_over_and_not_a_moment_before(
    database: Database, outbox: Outbox, database_path: Path, clock: Clock, keep_s: float | None
) -> None:
    retention = Retention(database, keep_s, clock)
    remembered(outbox, 1)
    clock.pass_s(30)
    remembered(outbox, 2)
    clock.pass_s(29.999)
    assert retention.prune() == 0
    clock.pass_s(0.001)
    assert retention.prune() == 2
    assert counts(database_path) == (1, 1)
    clock.pass_s(30)
    assert retention.prune() == 2
    assert (counts(database_path), len(ids(outbox))) == ((0, 0), 2)


def test_that_goes_in_batches_too(
    outbox: Outbox, database_path: Path, clock: Clock, retention: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    for token in range(7):
        remembered(outbox, token)
    clock.pass_s(60)
    assert [retention.prune() for _ in range(4)] == [6, 6, 2, 0]
    assert counts(database_path) == (0, 0)


def test_mails_can_be_kept_for_ever(database: Database, outbox: Outbox, claims: Claims, clock: Clock) -> None:
    mail_id = finish(outbox, claims, clock)
    clock.pass_s(10_000 * DAY_S)
    assert Retention(database, None, clock).prune() == 0
    assert ids(outbox) == {mail_id}


def test_a_machine_whose_clock_begins_in_1970_removes_nothing(
    outbox: Outbox, database_path: Path, clock: Clock, retention: Retention
) -> None:
    mail_id = finished(outbox, database_path, State.SENT, clock)
    clock.now = 1000
    assert retention.prune() == 0
    assert ids(outbox) == {mail_id}
