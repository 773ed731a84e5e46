"""What people do to mails, beside workers that send them."""

import threading
import time
from pathlib import Path

import pytest

from messaging.outbox import steering as module
from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.dead_workers import SUSPECT_DEATHS
from messaging.outbox.due import DueMails
from messaging.outbox.errors import OutboxUnavailableError, StateForbidsError
from messaging.outbox.filters import Filter, Scope
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Attempt, Claim, Finish, Outcome
from messaging.outbox.states import State
from messaging.outbox.steering import CANCEL, RETRY, Deed, Steered, Steering
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import LEASE_S, accept, claimed, connected, put, state_of
from tests.fixtures.threads import all_at_once


@pytest.fixture
def steering(database: Database, clock: Clock) -> Steering:
    return Steering(database, clock)


def finish(claim: Claim, state: State) -> Finish:
    due_at = NOON_MS + 60_000 if state is State.RETRYING else None
    return Finish(claim, state, due_at, charged=True, attempt=Attempt(1, NOON_MS, 0, 3, Outcome.SENT, 250, "Ok"))


def failed(outbox: Outbox, claims: Claims, state: State = State.FAILED) -> str:
    claim = claimed(outbox, claims)
    claims.finish(finish(claim, state))
    return claim.mail.id


def forbidden_by(steering: Steering, deed: Deed, mail_id: str) -> State | None:
    """The state that forbids a deed; None if it is done."""
    try:
        assert steering.do(deed, mail_id)
    except StateForbidsError as error:
        return error.state
    return None


@pytest.mark.slow
def test_a_mail_is_either_canceled_or_claimed(outbox: Outbox, claims: Claims, steering: Steering) -> None:
    ids = [accept(outbox).id for _ in range(60)]

    def race(item: tuple[str, str]) -> bool:
        who, mail_id = item
        if who == "worker":
            return claims.claim(mail_id) is not None
        return forbidden_by(steering, CANCEL, mail_id) is None

    for first in range(0, len(ids), 6):
        some = ids[first : first + 6]
        results = all_at_once(race, [(who, mail_id) for mail_id in some for who in ("worker", "operator")])
        won = [result.result() for result in results]
        for number, mail_id in enumerate(some):
            by_worker, by_operator = won[2 * number : 2 * number + 2]
            assert by_worker is not by_operator
            assert state_of(outbox, mail_id)[0] is (State.SENDING if by_worker else State.CANCELED)


def test_a_mail_that_fails_is_retried_once_however_many_ask(outbox: Outbox, claims: Claims, steering: Steering) -> None:
    for _ in range(5):
        mail_id = failed(outbox, claims)

        def retry(_number: int, mail_id: str = mail_id) -> State | None:
            return forbidden_by(steering, RETRY, mail_id)

        forbidden = [result.result() for result in all_at_once(retry, range(8))]
        assert sorted(forbidden, key=str) == [None, *[State.QUEUED] * 7]


@pytest.mark.slow
def test_a_retry_beside_the_worker_that_gives_up_is_done_or_refused_and_never_lost(
    outbox: Outbox, claims: Claims, steering: Steering
) -> None:
    for _ in range(20):
        claim = claimed(outbox, claims)

        def race(who: str, claim: Claim = claim) -> bool:
            if who == "worker":
                return claims.finish(finish(claim, State.FAILED))
            return forbidden_by(steering, RETRY, claim.mail.id) is None

        finished, retried = (result.result() for result in all_at_once(race, ["worker", "operator"]))
        assert finished
        assert state_of(outbox, claim.mail.id)[0] is (State.QUEUED if retried else State.FAILED)


def test_a_canceled_mail_is_never_published_again(
    outbox: Outbox, claims: Claims, steering: Steering, due: DueMails, clock: Clock
) -> None:
    mail_id = accept(outbox).id
    steering.do(CANCEL, mail_id)
    due.mark_published([mail_id])
    due.forget_published()
    clock.pass_s(86_400)
    assert len(due.take(10)) == 0
    assert state_of(outbox, mail_id) == (State.CANCELED, None)


def test_the_relay_s_250_is_the_truth_even_of_a_mail_that_was_canceled_meanwhile(
    outbox: Outbox, claims: Claims, steering: Steering, due: DueMails, clock: Clock
) -> None:
    claim = claimed(outbox, claims)
    clock.pass_s(LEASE_S)
    due.take(10)
    steering.do(CANCEL, claim.mail.id)
    assert claims.finish(finish(claim, State.SENT))
    assert state_of(outbox, claim.mail.id) == (State.SENT, None)


def test_what_a_worker_of_old_found_out_does_not_count_after_a_retry(
    outbox: Outbox, claims: Claims, steering: Steering, due: DueMails, clock: Clock
) -> None:
    old = claimed(outbox, claims)
    clock.pass_s(LEASE_S)
    due.take(10)
    claim = claims.claim(old.mail.id)
    assert claim is not None
    claims.finish(finish(claim, State.FAILED))
    steering.do(RETRY, old.mail.id)
    assert not claims.finish(finish(old, State.FAILED))
    assert claims.claim(old.mail.id)
    assert not claims.finish(finish(old, State.FAILED))
    assert state_of(outbox, old.mail.id)[0] is State.SENDING


def test_a_mail_that_workers_died_of_is_retried_alone(
    outbox: Outbox, claims: Claims, steering: Steering, due: DueMails, clock: Clock, database_path: Path
) -> None:
    mail_id = failed(outbox, claims)
    with connected(database_path) as connection:
        connection.execute("UPDATE mails SET deaths = 5 WHERE id = ?", (mail_id,))
    history = steering.do(RETRY, mail_id)
    assert history is not None
    mail = history.mail
    assert (mail.state, mail.due_at, mail.attempts) == (State.RETRYING, clock(), 0)
    assert due.take(10).publish == [mail_id]
    with connected(database_path) as connection:
        assert connection.execute("SELECT deaths FROM mails").fetchone() == (SUSPECT_DEATHS,)


@pytest.mark.slow
def test_many_are_changed_a_few_at_a_time_and_others_write_in_between(
    outbox: Outbox, database: Database, steering: Steering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 20)
    ids = {accept(outbox).id for _ in range(300)}
    results: list[Steered] = []
    bulk = threading.Thread(target=lambda: results.append(steering.do_all(CANCEL, Filter())))
    waits: list[float] = []
    newer: set[str] = set()
    bulk.start()
    while bulk.is_alive():
        began = time.monotonic()
        newer.add(accept(outbox).id)
        waits.append(time.monotonic() - began)
    bulk.join()
    assert len(ids) <= results[0].changed
    assert len(waits) > 10
    assert max(waits) < 0.5
    canceled = {mail_id for mail_id in ids | newer if state_of(outbox, mail_id)[0] is State.CANCELED}
    # And what was accepted before the first of them was looked for.
    assert ids <= canceled
    assert len(canceled) == results[0].changed
    assert len(newer - canceled) > 10


def test_one_call_changes_so_many_at_the_most(
    outbox: Outbox, steering: Steering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_AT_ONCE", 3)
    ids = sorted(accept(outbox).id for _ in range(5))
    assert steering.do_all(CANCEL, Filter()) == Steered(3, 2, ids[2])
    assert steering.do_all(CANCEL, Filter()) == Steered(2, 0, None)


def test_where_none_could_be_changed_that_is_an_error(outbox: Outbox, database_path: Path, steering: Steering) -> None:
    mail_id = accept(outbox).id
    with connected(database_path) as connection:
        connection.execute("DROP TABLE totals")  # what is read is there, and what has to be written is not
    with pytest.raises(OutboxUnavailableError):
        steering.do_all(CANCEL, Filter())
    assert state_of(outbox, mail_id)[0] is State.QUEUED


@pytest.mark.parametrize("deed", [CANCEL, RETRY])
def test_a_filter_never_reaches_a_state_that_the_deed_is_not_for(
    outbox: Outbox, database_path: Path, steering: Steering, deed: Deed
) -> None:
    for state in State:
        put(outbox, database_path, state, None if state in (State.SENT, State.FAILED) else NOON_MS)
    for state in State:
        assert steering.count(deed, Filter(state)).mails == (1 if state in deed.states else 0)
    assert steering.count(deed, Filter(scope=Scope(tests_only=True))).mails == 0


def test_there_is_nothing_to_do_to_a_mail_that_is_not_there(steering: Steering) -> None:
    assert steering.do(CANCEL, "0190a000-0000-7000-8000-000000000000") is None
