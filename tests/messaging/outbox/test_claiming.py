"""A mail is claimed by one worker at a time, and only the one that holds the claim may say what became of it."""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import QueuePool

from messaging.outbox.claims import Claims
from messaging.outbox.database import Database, transaction
from messaging.outbox.due import Due, DueMails
from messaging.outbox.outbox import PUBLISH_WITHIN_MS, Outbox
from messaging.outbox.records import Attempt, Claim, Finish, Mail, Outcome
from messaging.outbox.states import FINAL, State
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import LEASE_S, accept, claimed, connected, locked
from tests.fixtures.threads import all_at_once
from tests.fixtures.waiting import until


def claim_again(claims: Claims, due: DueMails, clock: Clock, claim: Claim) -> Claim:
    """Let the lease of a claim end, and have another worker claim its mail."""
    clock.pass_s(LEASE_S + 1)
    assert due.take(10) == Due(publish=[claim.mail.id])
    again = claims.claim(claim.mail.id)
    assert again is not None
    return again


def claim_at_once(workers: Sequence[Claims], mail: Mail) -> list[Claim]:
    """Have every worker claim the mail at the same moment; returns the claims that were given."""
    futures = all_at_once(lambda worker: worker.claim(mail.id), workers)
    return [claim for claim in (future.result() for future in futures) if claim]


def write_together(claims: Claims, calls: Sequence[Callable[[], object]]) -> list[object]:
    """Have the first call written by itself and then the others, in their order, together; returns what each does."""
    group, connections = claims._group, claims._database.recording.pool
    assert isinstance(connections, QueuePool)
    with ThreadPoolExecutor(len(calls)) as pool:
        with locked(claims._database._path):
            futures = [pool.submit(calls[0])]
            until(connections.checkedout)
            for waiting, call in enumerate(calls[1:], start=1):
                futures.append(pool.submit(call))
                until(lambda waiting=waiting: len(group._waiting) == waiting)  # type: ignore[misc]
        return [future.exception() or future.result() for future in futures]


def attempt(number: int = 1, outcome: Outcome = Outcome.SENT, code: int | None = 250, reply: str = "Ok") -> Attempt:
    return Attempt(number, NOON_MS, 3, 40, outcome, code, reply)


def sent(claim: Claim) -> Finish:
    return Finish(claim, State.SENT, None, charged=True, attempt=attempt())


def retrying(claim: Claim, due_at: int, *, charged: bool = True) -> Finish:
    busy = attempt(claim.mail.attempts, Outcome.BUSY, 451, "Later")
    return Finish(claim, State.RETRYING, due_at, charged=charged, attempt=busy)


def failed(claim: Claim) -> Finish:
    refused = attempt(claim.mail.attempts, Outcome.REFUSED, 550, "No such user")
    return Finish(claim, State.FAILED, None, charged=True, attempt=refused)


def read(outbox: Outbox, claim: Claim) -> Mail:
    mail = outbox.read(claim.mail.id)
    assert mail is not None
    return mail


def set_state(path: Path, mail: Mail, state: State) -> None:
    with connected(path) as connection:
        due_at = None if state in FINAL else NOON_MS
        connection.execute("UPDATE mails SET state = ?, due_at = ? WHERE id = ?", (state.value, due_at, mail.id))


def test_a_claim_takes_the_mail_and_charges_an_attempt(outbox: Outbox, claims: Claims) -> None:
    mail = accept(outbox)
    claim = claims.claim(mail.id)
    expected = dataclasses.replace(mail, state=State.SENDING, attempts=1, due_at=NOON_MS + int(LEASE_S * 1000))
    assert claim == Claim(expected, 1)
    assert outbox.read(mail.id) == expected


def test_a_mail_is_claimed_once(outbox: Outbox, claims: Claims) -> None:
    mail = accept(outbox)
    assert claims.claim(mail.id)
    assert claims.claim(mail.id) is None


@pytest.mark.parametrize("state", [state for state in State if state is not State.QUEUED])
def test_only_a_queued_mail_can_be_claimed(outbox: Outbox, claims: Claims, database_path: Path, state: State) -> None:
    mail = accept(outbox)
    set_state(database_path, mail, state)
    assert claims.claim(mail.id) is None
    after = outbox.read(mail.id)
    assert after is not None
    assert (after.state, after.attempts) == (state, 0)


def test_a_mail_that_is_not_there_cannot_be_claimed(claims: Claims) -> None:
    assert claims.claim("0190a000-0000-7000-8000-000000000000") is None


@pytest.mark.slow
def test_of_32_threads_one_claims_a_mail(outbox: Outbox, claims: Claims) -> None:
    for _ in range(5):
        given = claim_at_once([claims] * 32, accept(outbox))
        assert len(given) == 1


def test_of_32_threads_of_several_workers_one_claims_a_mail(database: Database, outbox: Outbox, clock: Clock) -> None:
    workers = [Claims(database, LEASE_S, clock) for _ in range(8)]
    for _ in range(5):
        given = claim_at_once(workers * 4, accept(outbox))
        assert len(given) == 1


def test_an_id_that_is_twice_in_one_transaction_is_claimed_once(outbox: Outbox, claims: Claims) -> None:
    mails = [accept(outbox) for _ in range(4)]
    asked = [mails[0].id, *(mail.id for mail in mails[1:] for _ in range(3))]
    given = write_together(claims, [partial(claims.claim, mail_id) for mail_id in asked])
    claimed_ids = [claim.mail.id if isinstance(claim, Claim) else None for claim in given]
    assert claimed_ids == [mails[0].id, *(mail_id for mail in mails[1:] for mail_id in (mail.id, None, None))]


def test_a_lease_begins_when_the_database_is_ours_however_long_that_took(
    outbox: Outbox, claims: Claims, database_path: Path, clock: Clock
) -> None:
    mail, held = accept(outbox), claimed(outbox, claims)
    connections = claims._database.recording.pool
    assert isinstance(connections, QueuePool)
    with ThreadPoolExecutor(2) as pool:
        with locked(database_path):
            claiming, renewing = pool.submit(claims.claim, mail.id), pool.submit(claims.renew, [held])
            until(lambda: connections.checkedout() == 2)
            clock.pass_s(4)
        renewing.result()
        claim = claiming.result()
    ends_at = clock() + LEASE_S * 1000
    assert claim is not None
    assert claim.mail.due_at == ends_at
    assert read(outbox, claim).due_at == read(outbox, held).due_at == ends_at


def test_a_sent_mail_is_final(outbox: Outbox, claims: Claims, clock: Clock) -> None:
    claim = claimed(outbox, claims)
    clock.pass_s(2)
    assert claims.finish(sent(claim))
    mail = read(outbox, claim)
    assert (mail.state, mail.final, mail.due_at, mail.attempts) == (State.SENT, True, None, 1)
    assert mail.finished_at == NOON_MS + 2000


def test_a_failed_mail_is_final(outbox: Outbox, claims: Claims) -> None:
    claim = claimed(outbox, claims)
    assert claims.finish(failed(claim))
    mail = read(outbox, claim)
    assert (mail.state, mail.final, mail.due_at, mail.finished_at) == (State.FAILED, True, None, NOON_MS)


def test_a_retrying_mail_is_not_final(outbox: Outbox, claims: Claims) -> None:
    claim = claimed(outbox, claims)
    assert claims.finish(retrying(claim, NOON_MS + 60_000))
    mail = read(outbox, claim)
    assert (mail.state, mail.final, mail.due_at, mail.attempts) == (State.RETRYING, False, NOON_MS + 60_000, 1)
    assert mail.finished_at is None


def test_an_attempt_that_is_not_charged_is_given_back(
    outbox: Outbox, claims: Claims, due: DueMails, clock: Clock
) -> None:
    claim = claimed(outbox, claims)
    assert claims.finish(retrying(claim, NOON_MS, charged=False))
    assert read(outbox, claim).attempts == 0
    assert due.take(10) == Due(publish=[claim.mail.id])
    again = claims.claim(claim.mail.id)
    assert again is not None
    assert (again.mail.attempts, again.number) == (1, 2)


def test_a_mail_that_is_given_back_is_due_at_once_and_published_anew(
    outbox: Outbox, claims: Claims, due: DueMails
) -> None:
    mail = accept(outbox)
    due.mark_published([mail.id])
    claim = claims.claim(mail.id)
    assert claim is not None
    assert claims.finish(Finish(claim, State.QUEUED, NOON_MS, charged=False, attempt=None))
    assert outbox.attempts(mail.id) == []
    # The broker's message was spent on the claim: nothing in its queue stands for this mail any more.
    assert due.take(10) == Due(publish=[mail.id])


def test_a_worker_whose_lease_ended_cannot_overwrite_another_one(
    outbox: Outbox, claims: Claims, due: DueMails, clock: Clock
) -> None:
    stale = claimed(outbox, claims)
    current = claim_again(claims, due, clock, stale)
    before = read(outbox, current)
    assert (stale.number, current.number, before.attempts) == (1, 2, 1)
    assert not claims.finish(failed(stale))
    assert not claims.finish(retrying(stale, NOON_MS))
    assert not claims.finish(retrying(stale, NOON_MS, charged=False))
    assert not claims.finish(Finish(stale, State.QUEUED, NOON_MS, charged=False, attempt=None))
    assert read(outbox, current) == before
    assert claims.finish(sent(current))


def test_a_worker_whose_lease_ended_cannot_bring_a_mail_back_from_the_queue(
    outbox: Outbox, claims: Claims, due: DueMails, clock: Clock
) -> None:
    stale = claimed(outbox, claims)
    clock.pass_s(LEASE_S)
    due.take(10)
    assert not claims.finish(failed(stale))
    assert read(outbox, stale).state == State.QUEUED


def test_a_250_is_the_truth_whoever_brings_it(outbox: Outbox, claims: Claims, due: DueMails, clock: Clock) -> None:
    stale = claimed(outbox, claims)
    current = claim_again(claims, due, clock, stale)
    assert claims.finish(sent(stale))
    assert not claims.finish(failed(current))
    assert not claims.finish(retrying(current, NOON_MS))
    mail = read(outbox, current)
    assert (mail.state, mail.due_at) == (State.SENT, None)


@pytest.mark.parametrize("state", [State.QUEUED, State.RETRYING, State.FAILED, State.CANCELED])
def test_a_250_is_the_truth_whatever_was_thought_before(
    outbox: Outbox, claims: Claims, database_path: Path, state: State
) -> None:
    claim = claimed(outbox, claims)
    set_state(database_path, claim.mail, state)
    assert claims.finish(sent(claim))
    mail = read(outbox, claim)
    assert (mail.state, mail.due_at, mail.finished_at) == (State.SENT, None, NOON_MS)


def test_a_second_250_does_not_move_the_time_of_the_first(outbox: Outbox, claims: Claims, clock: Clock) -> None:
    claim = claimed(outbox, claims)
    claims.finish(sent(claim))
    clock.pass_s(5)
    assert not claims.finish(sent(claim))
    assert read(outbox, claim).finished_at == NOON_MS


@pytest.mark.parametrize("finish", [sent, failed])
def test_a_claim_is_finished_once(outbox: Outbox, claims: Claims, finish: Callable[[Claim], Finish]) -> None:
    claim = claimed(outbox, claims)
    assert claims.finish(finish(claim))
    assert not claims.finish(failed(claim))
    assert not claims.finish(retrying(claim, NOON_MS))


def test_attempts_are_told_in_the_order_of_their_writing(outbox: Outbox, claims: Claims, due: DueMails) -> None:
    claim = claimed(outbox, claims)
    claims.finish(retrying(claim, NOON_MS))
    due.take(10)
    again = claims.claim(claim.mail.id)
    assert again is not None
    claims.finish(failed(again))
    other = claimed(outbox, claims)
    claims.finish(sent(other))
    assert outbox.attempts(claim.mail.id) == [
        attempt(1, Outcome.BUSY, 451, "Later"),
        attempt(2, Outcome.REFUSED, 550, "No such user"),
    ]
    assert outbox.attempts(other.mail.id) == [attempt()]


def test_what_a_stale_worker_tried_is_written_down_all_the_same(
    outbox: Outbox, claims: Claims, due: DueMails, clock: Clock
) -> None:
    stale = claimed(outbox, claims)
    claim_again(claims, due, clock, stale)
    claims.finish(failed(stale))
    assert [found.outcome for found in outbox.attempts(stale.mail.id)] == [Outcome.REFUSED]


def test_results_that_are_written_together_keep_apart(outbox: Outbox, claims: Claims) -> None:
    held = [claimed(outbox, claims) for _ in range(12)]
    finishes = [(sent, failed)[number % 2](claim) for number, claim in enumerate(held)]
    assert all(result is True for result in write_together(claims, [partial(claims.finish, each) for each in finishes]))
    assert [read(outbox, claim).state for claim in held] == [State.SENT, State.FAILED] * 6
    assert all(len(outbox.attempts(claim.mail.id)) == 1 for claim in held)


def test_claims_and_results_share_a_transaction(database: Database, outbox: Outbox, claims: Claims) -> None:
    held, waits = [claimed(outbox, claims) for _ in range(3)], [accept(outbox) for _ in range(3)]
    calls: list[Callable[[], object]] = [
        partial(claims.finish, sent(held[0])),
        partial(claims.claim, waits[0].id),
        partial(claims.finish, failed(held[1])),
        partial(claims.claim, waits[1].id),
        partial(claims.claim, waits[1].id),
        partial(claims.finish, sent(held[2])),
        partial(claims.claim, waits[2].id),
    ]
    commits: list[object] = []
    event.listen(database.recording, "commit", commits.append)
    results = write_together(claims, calls)
    assert len(commits) == 2
    assert [result for result in results if isinstance(result, bool)] == [True] * 3
    given = [result.mail.id if isinstance(result, Claim) else None for result in results]
    assert given == [None, waits[0].id, None, waits[1].id, None, None, waits[2].id]
    assert [read(outbox, claim).state for claim in held] == [State.SENT, State.FAILED, State.SENT]


def test_a_result_that_cannot_be_written_fails_neither_claims_nor_results_beside_it(
    database: Database, outbox: Outbox, claims: Claims
) -> None:
    held, waits = [claimed(outbox, claims) for _ in range(3)], [accept(outbox) for _ in range(2)]
    with transaction(database.recording) as connection:
        connection.execute(text("DELETE FROM mails WHERE id = :id"), {"id": held[1].mail.id})
    calls: list[Callable[[], object]] = [
        partial(claims.finish, sent(held[0])),
        partial(claims.claim, waits[0].id),
        partial(claims.finish, sent(held[1])),
        partial(claims.finish, failed(held[2])),
        partial(claims.claim, waits[1].id),
    ]
    results = write_together(claims, calls)
    assert isinstance(results.pop(2), IntegrityError)
    assert [bool(result) for result in results] == [True] * 4
    assert [read(outbox, held[number]).state for number in (0, 2)] == [State.SENT, State.FAILED]
    assert [len(outbox.attempts(held[number].mail.id)) for number in (0, 2)] == [1, 1]


def test_two_250s_that_are_written_together_are_one(outbox: Outbox, claims: Claims) -> None:
    claim, first = claimed(outbox, claims), claimed(outbox, claims)
    finish = partial(claims.finish, sent(claim))
    assert write_together(claims, [partial(claims.finish, sent(first)), finish, finish]) == [True, True, False]


@pytest.mark.parametrize("first", ["the 250", "the failure"])
def test_a_250_is_the_truth_beside_whatever_it_is_written_together_with(
    outbox: Outbox, claims: Claims, due: DueMails, clock: Clock, first: str
) -> None:
    stale = claimed(outbox, claims)
    current = claim_again(claims, due, clock, stale)
    both = [partial(claims.finish, sent(stale)), partial(claims.finish, failed(current))]
    calls = both if first == "the 250" else both[::-1]
    write_together(claims, [partial(claims.finish, sent(claimed(outbox, claims))), *calls])
    assert (read(outbox, stale).state, len(outbox.attempts(stale.mail.id))) == (State.SENT, 2)


def test_what_is_given_back_can_be_claimed_in_the_same_transaction(outbox: Outbox, claims: Claims) -> None:
    claim, other = claimed(outbox, claims), claimed(outbox, claims)
    back = Finish(claim, State.QUEUED, NOON_MS, charged=False, attempt=None)
    calls: list[Callable[[], object]] = [
        partial(claims.finish, sent(other)),
        partial(claims.claim, claim.mail.id),
        partial(claims.finish, back),
    ]
    _, again, written = write_together(claims, calls)
    assert isinstance(again, Claim)
    assert (again.number, again.mail.attempts, written) == (2, 1, True)


def test_the_attempts_of_a_mail_go_with_it(database: Database, outbox: Outbox, claims: Claims) -> None:
    claim = claimed(outbox, claims)
    claims.finish(sent(claim))
    with transaction(database.recording) as connection:
        connection.execute(text("DELETE FROM mails"))
    assert outbox.attempts(claim.mail.id) == []


def test_there_are_no_attempts_without_a_mail(database: Database, outbox: Outbox, claims: Claims) -> None:
    claim = claimed(outbox, claims)
    with transaction(database.recording) as connection:
        connection.execute(text("DELETE FROM mails"))
    with pytest.raises(IntegrityError):
        claims.finish(sent(claim))


def test_renewing_moves_the_end_of_a_lease(outbox: Outbox, claims: Claims, due: DueMails, clock: Clock) -> None:
    held = [claimed(outbox, claims) for _ in range(2)]
    left = claimed(outbox, claims)
    clock.pass_s(LEASE_S - 1)
    claims.renew(held)
    clock.pass_s(1)
    assert due.take(10) == Due(publish=[left.mail.id])
    assert {read(outbox, claim).due_at for claim in held} == {NOON_MS + int(2 * LEASE_S - 1) * 1000}


def test_a_lease_that_somebody_else_has_now_is_not_renewed(
    outbox: Outbox, claims: Claims, due: DueMails, clock: Clock
) -> None:
    stale = claimed(outbox, claims)
    current = claim_again(claims, due, clock, stale)
    before = read(outbox, current)
    clock.pass_s(1)
    claims.renew([stale])
    assert read(outbox, current) == before


@pytest.mark.slow
def test_what_is_finished_is_not_renewed(outbox: Outbox, claims: Claims) -> None:
    held = [claimed(outbox, claims) for _ in range(2)]
    claims.finish(sent(held[0]))
    claims.finish(retrying(held[1], NOON_MS + 1))
    claims.renew(held)
    assert [read(outbox, claim).due_at for claim in held] == [None, NOON_MS + 1]


def test_renewing_nothing_does_not_touch_the_database(claims: Claims, database_path: Path) -> None:
    with locked(database_path):
        claims.renew([])


def test_a_claim_that_is_not_published_in_time_comes_back(
    outbox: Outbox, claims: Claims, due: DueMails, clock: Clock
) -> None:
    mail = accept(outbox)
    clock.pass_s(PUBLISH_WITHIN_MS / 1000)
    assert due.take(10) == Due(publish=[mail.id])
    assert claims.claim(mail.id)
