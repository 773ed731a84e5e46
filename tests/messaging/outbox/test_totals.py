"""What is counted of all mails is what happened to them, whoever did it."""

import contextlib
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import text

from messaging.outbox import upgrades
from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Attempt, Claim, Finish, Outcome
from messaging.outbox.retention import Retention
from messaging.outbox.states import FINAL, State
from messaging.outbox.totals import Counted, read_totals
from tests.fixtures.clock import Clock
from tests.fixtures.storage import LEASE_S, POISON_LIMIT, accept, claimed, connected, url_of


def finish(claims: Claims, claim: Claim, state: State, outcome: Outcome) -> bool:
    due_at = None if state in FINAL else claim.mail.created_at
    attempt = Attempt(claim.mail.attempts, claim.mail.created_at, 3, 5, outcome, None, "words")
    return claims.finish(Finish(claim, state, due_at, charged=True, attempt=attempt))


def non_zero(counts: Counted) -> dict[State, int]:
    return {state: count for state, count in counts.now.items() if count}


def test_an_empty_outbox_has_counted_nothing(database: Database) -> None:
    counted = read_totals(database)
    assert (counted.accepted, counted.retried, counted.claims_refused, counted.next_due_at) == (0, 0, 0, None)
    assert set(counted.now.values()) | set(counted.finished.values()) | set(counted.failed.values()) == {0}


def test_what_was_accepted_sent_retried_and_failed_is_counted(
    database: Database, outbox: Outbox, claims: Claims
) -> None:
    for state, outcome in (
        (State.SENT, Outcome.SENT),
        (State.SENT, Outcome.SENT),
        (State.TESTED, Outcome.TESTED),
        (State.RETRYING, Outcome.BUSY),
        (State.FAILED, Outcome.REFUSED),
        (State.FAILED, Outcome.BUSY),
        (State.FAILED, Outcome.OURS),
        (State.QUEUED, Outcome.RELAY),
    ):
        assert finish(claims, claimed(outbox, claims), state, outcome)
    accept(outbox)
    claimed(outbox, claims)
    counted = read_totals(database)
    assert counted.accepted == 10
    assert non_zero(counted) == {
        State.QUEUED: 2, State.SENDING: 1, State.RETRYING: 1, State.SENT: 2, State.TESTED: 1, State.FAILED: 3,
    }  # fmt: skip
    assert (counted.finished[State.SENT], counted.finished[State.FAILED], counted.retried) == (2, 3, 1)
    assert counted.failed == {Outcome.REFUSED: 1, Outcome.BUSY: 1, Outcome.OURS: 1}


def test_a_second_claim_on_a_mail_is_counted_as_refused(database: Database, outbox: Outbox, claims: Claims) -> None:
    claim = claimed(outbox, claims)
    assert claims.claim(claim.mail.id) is None
    assert claims.claim("no such mail") is None
    assert read_totals(database).claims_refused == 2


def test_a_result_that_comes_too_late_is_not_counted(database: Database, outbox: Outbox, claims: Claims) -> None:
    claim = claimed(outbox, claims)
    assert finish(claims, claim, State.SENT, Outcome.SENT)
    assert not finish(claims, claim, State.FAILED, Outcome.REFUSED)
    assert not finish(claims, claim, State.RETRYING, Outcome.BUSY)
    assert not finish(claims, claim, State.SENT, Outcome.SENT)
    counted = read_totals(database)
    assert non_zero(counted) == {State.SENT: 1}
    assert (counted.finished[State.SENT], counted.retried, set(counted.failed.values())) == (1, 0, {0})


def test_a_mail_that_killed_its_workers_has_failed_by_our_fault(
    database: Database, outbox: Outbox, claims: Claims, due: DueMails, clock: Clock
) -> None:
    mail_id = accept(outbox).id
    for _ in range(POISON_LIMIT):
        assert claims.claim(mail_id)
        clock.pass_s(LEASE_S + 1)
        due.take(10)
        due.take(10)
    counted = read_totals(database)
    assert (counted.failed[Outcome.OURS], counted.finished[State.FAILED]) == (1, 1)


def test_what_is_removed_was_accepted_and_sent_all_the_same(
    database: Database, outbox: Outbox, claims: Claims, clock: Clock
) -> None:
    for _ in range(3):
        finish(claims, claimed(outbox, claims), State.SENT, Outcome.SENT)
    clock.pass_s(100)
    accept(outbox)
    assert Retention(database, 50, clock).prune() == 3
    counted = read_totals(database)
    assert (counted.accepted, counted.finished[State.SENT]) == (4, 3)
    assert non_zero(counted) == {State.QUEUED: 1}


def test_it_is_known_what_is_due_next(database: Database, outbox: Outbox, clock: Clock) -> None:
    first = accept(outbox)
    clock.pass_s(1)
    accept(outbox)
    assert read_totals(database).next_due_at == first.due_at


def test_a_250_that_comes_late_makes_a_failed_mail_a_sent_one(
    database: Database, outbox: Outbox, claims: Claims
) -> None:
    claim = claimed(outbox, claims)
    assert finish(claims, claim, State.FAILED, Outcome.REFUSED)
    assert finish(claims, claim, State.SENT, Outcome.SENT)
    counted = read_totals(database)
    assert non_zero(counted) == {State.SENT: 1}
    assert (counted.finished[State.FAILED], counted.finished[State.SENT], counted.accepted) == (1, 1, 1)


def test_nothing_is_counted_of_a_transaction_that_fails(database: Database, outbox: Outbox) -> None:
    accept(outbox)
    with contextlib.closing(database.recording.connect()) as connection:
        connection.execute(text("UPDATE mails SET state = 'sent'"))
        connection.execute(text("DELETE FROM mails"))
        connection.rollback()
    assert non_zero(read_totals(database)) == {State.QUEUED: 1}


def test_a_database_from_before_is_counted_when_it_is_brought_up(
    database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = upgrades.STEPS
    counting = next(number for number, step in enumerate(steps) if "CREATE TABLE totals" in step[0])
    database = Database(url_of(database_path))
    with monkeypatch.context() as patch:
        patch.setattr(upgrades, "STEPS", steps[:counting])
        database.upgrade()
    states = [State.SENT] * 3 + [State.QUEUED] * 2
    with connected(database_path) as connection:
        for number, state in enumerate(states):
            connection.execute(
                "INSERT INTO mails (id, state, due_at, attempts, created_at, sender, recipient, subject, text)"
                " VALUES (?, ?, ?, 0, 0, '', '', '', '')",
                (str(number), state.value, None if state in FINAL else 0),
            )
    database.upgrade()
    counted = read_totals(database)
    database.close()
    assert (counted.accepted, non_zero(counted)) == (5, dict(Counter(states)))
