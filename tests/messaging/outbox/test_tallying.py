"""Mails that were finished are counted, each once, whatever happens to them."""

from pathlib import Path

import pytest

from messaging.outbox import tallying
from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Attempt, Claim, Finish, Outcome
from messaging.outbox.retention import Retention
from messaging.outbox.states import State
from messaging.outbox.steering import RETRY, Steering
from messaging.outbox.tallies import Tallies
from messaging.outbox.tallying import MINUTE_MS
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import LEASE_S, POISON_LIMIT, claimed, connected


@pytest.fixture
def tallies(database: Database, clock: Clock) -> Tallies:
    return Tallies(database, clock)


@pytest.fixture
def retention(database: Database, clock: Clock) -> Retention:
    return Retention(database, 3600, clock)


def end(claims: Claims, claim: Claim, state: State, outcome: Outcome) -> None:
    due_at = NOON_MS if state in (State.RETRYING, State.QUEUED) else None
    claims.finish(Finish(claim, state, due_at, charged=True, attempt=Attempt(1, NOON_MS, 0, 3, outcome, 250, "Ok")))


def counted(tallies: Tallies) -> tuple[int, int]:
    """Mails sent in the last hour, and failed."""
    counts = tallies.series(MINUTE_MS, 60).counts
    return sum(counts[State.SENT]), sum(counts[State.FAILED])


def test_a_mail_counts_when_it_is_finished_and_once(
    outbox: Outbox, claims: Claims, tallies: Tallies, retention: Retention
) -> None:
    claim = claimed(outbox, claims)
    end(claims, claim, State.QUEUED, Outcome.BUSY)
    retention.prune()
    assert counted(tallies) == (0, 0)
    again = claims.claim(claim.mail.id)
    assert again is not None
    end(claims, again, State.SENT, Outcome.SENT)
    end(claims, claimed(outbox, claims), State.FAILED, Outcome.REFUSED)
    for _ in range(3):
        retention.prune()
    assert counted(tallies) == (1, 1)


def test_a_second_250_is_no_second_mail(
    outbox: Outbox, claims: Claims, due: DueMails, tallies: Tallies, retention: Retention, clock: Clock
) -> None:
    first = claimed(outbox, claims)
    clock.pass_s(LEASE_S)
    due.take(10)
    second = claims.claim(first.mail.id)
    assert second is not None
    end(claims, second, State.SENT, Outcome.SENT)
    retention.prune()
    end(claims, first, State.SENT, Outcome.SENT)
    retention.prune()
    assert counted(tallies) == (1, 0)


def test_a_mail_that_fails_twice_failed_twice(
    outbox: Outbox, claims: Claims, tallies: Tallies, retention: Retention, database: Database, clock: Clock
) -> None:
    claim = claimed(outbox, claims)
    end(claims, claim, State.FAILED, Outcome.REFUSED)
    retention.prune()
    Steering(database, clock).do(RETRY, claim.mail.id)
    again = claims.claim(claim.mail.id)
    assert again is not None
    end(claims, again, State.FAILED, Outcome.REFUSED)
    retention.prune()
    assert counted(tallies) == (0, 2)


def test_a_mail_that_workers_died_of_failed(
    outbox: Outbox, claims: Claims, due: DueMails, tallies: Tallies, retention: Retention, clock: Clock
) -> None:
    mail_id = claimed(outbox, claims).mail.id
    for _ in range(POISON_LIMIT):
        clock.pass_s(LEASE_S)
        due.take(10)
        claims.claim(mail_id)
    retention.prune()
    assert counted(tallies) == (0, 1)


def test_some_are_counted_at_a_time_and_all_before_they_are_removed(
    outbox: Outbox,
    claims: Claims,
    tallies: Tallies,
    retention: Retention,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tallying, "MOST_COUNTED", 2)
    monkeypatch.setattr("messaging.outbox.retention.MOST_COUNTED", 2)
    for _ in range(5):
        end(claims, claimed(outbox, claims), State.SENT, Outcome.SENT)
    clock.pass_s(7200)
    assert retention.prune()
    assert sum(tallies.series(60 * MINUTE_MS, 24).counts[State.SENT]) == 2
    while retention.prune():
        pass
    assert sum(tallies.series(60 * MINUTE_MS, 24).counts[State.SENT]) == 5


def test_mails_count_after_all_others_were_removed(
    outbox: Outbox, claims: Claims, tallies: Tallies, retention: Retention, clock: Clock, database_path: Path
) -> None:
    for _ in range(3):
        end(claims, claimed(outbox, claims), State.SENT, Outcome.SENT)
    clock.pass_s(7200)
    while retention.prune():
        pass
    with connected(database_path) as connection:
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == (0,)
    end(claims, claimed(outbox, claims), State.SENT, Outcome.SENT)
    retention.prune()
    assert counted(tallies) == (1, 0)


def test_counts_are_removed_when_they_are_old(
    outbox: Outbox, claims: Claims, tallies: Tallies, retention: Retention, clock: Clock, database_path: Path
) -> None:
    end(claims, claimed(outbox, claims), State.SENT, Outcome.SENT)
    retention.prune()
    clock.pass_s(tallying.KEPT_MS / 1000 + 60)
    retention.prune()
    with connected(database_path) as connection:
        assert connection.execute("SELECT count(*) FROM tallies WHERE at > 0").fetchone() == (0,)
