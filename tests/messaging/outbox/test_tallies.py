"""Mails are counted by the minute that they were finished in, whatever happens to them."""

from pathlib import Path

import pytest

from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Attempt, Claim, Finish, Outcome
from messaging.outbox.retention import Retention
from messaging.outbox.states import State
from messaging.outbox.steering import RETRY, Steering
from messaging.outbox.tallies import HOUR_MS, MINUTE_MS, Tallies
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import LEASE_S, POISON_LIMIT, claimed, connected


@pytest.fixture
def tallies(database: Database, clock: Clock) -> Tallies:
    return Tallies(database, clock)


def end(claims: Claims, claim: Claim, state: State, outcome: Outcome) -> None:
    due_at = NOON_MS if state in (State.RETRYING, State.QUEUED) else None
    claims.finish(Finish(claim, state, due_at, charged=True, attempt=Attempt(1, NOON_MS, 0, 3, outcome, 250, "Ok")))


def counted(tallies: Tallies) -> tuple[int, int]:
    """Mails sent in the last hour, and failed."""
    counts = tallies.series(MINUTE_MS, 60).counts
    return sum(counts[State.SENT]), sum(counts[State.FAILED])


def test_a_mail_counts_when_it_is_finished_and_once(outbox: Outbox, claims: Claims, tallies: Tallies) -> None:
    claim = claimed(outbox, claims)
    end(claims, claim, State.QUEUED, Outcome.BUSY)
    assert counted(tallies) == (0, 0)
    again = claims.claim(claim.mail.id)
    assert again is not None
    end(claims, again, State.SENT, Outcome.SENT)
    end(claims, claimed(outbox, claims), State.FAILED, Outcome.REFUSED)
    assert counted(tallies) == (1, 1)


def test_a_mail_counts_in_the_minute_that_it_was_finished_in(
    outbox: Outbox, claims: Claims, tallies: Tallies, clock: Clock
) -> None:
    for wait_s in (0, 59, 1, 60):
        clock.pass_s(wait_s)
        end(claims, claimed(outbox, claims), State.SENT, Outcome.SENT)
    assert tallies.series(MINUTE_MS, 4).counts[State.SENT] == [0, 2, 1, 1]
    assert tallies.series(HOUR_MS, 2).counts[State.SENT] == [0, 4]


def test_a_second_250_is_no_second_mail(
    outbox: Outbox, claims: Claims, due: DueMails, tallies: Tallies, clock: Clock
) -> None:
    first = claimed(outbox, claims)
    clock.pass_s(LEASE_S)
    due.take(10)
    second = claims.claim(first.mail.id)
    assert second is not None
    end(claims, second, State.SENT, Outcome.SENT)
    end(claims, first, State.SENT, Outcome.SENT)
    assert counted(tallies) == (1, 0)


def test_a_mail_that_fails_twice_failed_twice(
    outbox: Outbox, claims: Claims, tallies: Tallies, database: Database, clock: Clock
) -> None:
    claim = claimed(outbox, claims)
    end(claims, claim, State.FAILED, Outcome.REFUSED)
    Steering(database, clock).do(RETRY, claim.mail.id)
    again = claims.claim(claim.mail.id)
    assert again is not None
    end(claims, again, State.FAILED, Outcome.REFUSED)
    assert counted(tallies) == (0, 2)


def test_a_mail_that_workers_died_of_failed(
    outbox: Outbox, claims: Claims, due: DueMails, tallies: Tallies, clock: Clock
) -> None:
    mail_id = claimed(outbox, claims).mail.id
    for _ in range(POISON_LIMIT):
        clock.pass_s(LEASE_S)
        due.take(10)
        claims.claim(mail_id)
    assert counted(tallies) == (0, 1)


def test_counts_stay_when_their_mails_are_removed_and_go_when_they_are_old(
    outbox: Outbox, claims: Claims, tallies: Tallies, database: Database, clock: Clock, database_path: Path
) -> None:
    retention = Retention(database, 60, clock)
    end(claims, claimed(outbox, claims), State.SENT, Outcome.SENT)
    clock.pass_s(120)
    assert retention.prune() == 1
    assert counted(tallies) == (1, 0)
    clock.pass_s(8 * 24 * 3600)
    retention.prune()
    with connected(database_path) as connection:
        assert connection.execute("SELECT count(*) FROM tallies").fetchone() == (0,)
