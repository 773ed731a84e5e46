"""Dead workers are found, and found once; what they had in hand goes on without them."""

from pathlib import Path

import pytest

from config.errors import SettingError
from config.settings import Settings
from messaging.outbox import database as database_module
from messaging.outbox import dead_workers as module
from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.dead_workers import SUSPECT_DEATHS
from messaging.outbox.due import Due, DueMails
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import PUBLISH_WITHIN_MS, Outbox
from messaging.outbox.records import Attempt, Finish, Outcome
from messaging.outbox.states import FINAL, State
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.deaths import deaths_of, die, with_deaths
from tests.fixtures.refusals import refusal
from tests.fixtures.storage import LEASE_S, POISON_LIMIT, accept, claimed, locked, put, state_of

WITHIN_S = PUBLISH_WITHIN_MS / 1000


@pytest.mark.parametrize("state", [state for state in State if state not in FINAL])
def test_a_death_is_a_lease_that_ended_and_nothing_else(
    outbox: Outbox, due: DueMails, database_path: Path, state: State
) -> None:
    mail_id = put(outbox, database_path, state, NOON_MS)
    due.take(10)
    assert deaths_of(database_path) == {mail_id: 1 if state is State.SENDING else 0}


def test_a_death_is_charged_to_no_mail(outbox: Outbox, claims: Claims, due: DueMails, clock: Clock) -> None:
    claim = claimed(outbox, claims)
    assert claim.mail.attempts == 1
    clock.pass_s(LEASE_S)
    assert due.take(10).publish == [claim.mail.id]
    again = claims.claim(claim.mail.id)
    assert again is not None
    assert again.mail.attempts == 1


def test_no_death_is_counted_before_the_lease_ends(
    outbox: Outbox, claims: Claims, due: DueMails, database_path: Path, clock: Clock
) -> None:
    mail_id = claimed(outbox, claims).mail.id
    clock.pass_s(LEASE_S - 0.001)
    due.take(10)
    assert deaths_of(database_path) == {mail_id: 0}
    clock.pass_s(0.001)
    due.take(10)
    due.take(10)
    assert deaths_of(database_path) == {mail_id: 1}


def test_worker_after_worker_that_dies_with_a_mail_fails_it_in_plain_words(
    outbox: Outbox, claims: Claims, due: DueMails, clock: Clock
) -> None:
    mail = accept(outbox)
    clock.pass_s(WITHIN_S)
    for _ in range(POISON_LIMIT):
        assert due.take(10) == Due(publish=[mail.id])
        assert claims.claim(mail.id)
        clock.pass_s(LEASE_S)
    taken = due.take(10)
    assert taken == Due(poison=[mail.id])
    assert len(taken) == 1
    failed = outbox.read(mail.id)
    assert failed is not None
    assert (failed.state, failed.due_at, failed.finished_at) == (State.FAILED, None, clock())
    # No death was charged; with the last one it is told, and given up.
    assert failed.attempts == 1
    assert outbox.attempts(mail.id) == [
        Attempt(
            number=1,
            started_at=clock(),
            connect_ms=0,
            transfer_ms=0,
            outcome=Outcome.OURS,
            code=None,
            reply="given up: 5 workers died while they were sending this mail",
        )
    ]
    assert due.take(10) == Due()
    assert claims.claim(mail.id) is None


def test_poison_is_told_apart_from_its_neighbours_in_the_same_batch(
    outbox: Outbox, due: DueMails, database_path: Path
) -> None:
    poison = with_deaths(outbox, database_path, State.SENDING, POISON_LIMIT - 1, NOON_MS - 2)
    other = with_deaths(outbox, database_path, State.SENDING, 0, NOON_MS - 1)
    assert due.take(10) == Due(publish=[other], poison=[poison])
    assert outbox.attempts(other) == []
    assert len(outbox.attempts(poison)) == 1


def test_a_mail_whose_worker_did_not_die_again_is_not_failed(
    outbox: Outbox, due: DueMails, database_path: Path
) -> None:
    mail_id = with_deaths(outbox, database_path, State.RETRYING, POISON_LIMIT)
    assert due.take(10) == Due(publish=[mail_id])


@pytest.mark.slow
def test_a_mail_that_kills_its_workers_fails_and_takes_no_neighbour_with_it(
    outbox: Outbox, claims: Claims, due: DueMails, database_path: Path, clock: Clock
) -> None:
    poison = accept(outbox).id
    for _ in range(9):
        accept(outbox)
    most_deaths: dict[str, int] = {}
    for _ in range(200):
        clock.pass_s(WITHIN_S)
        given = [claim for mail_id in due.take(100).publish if (claim := claims.claim(mail_id))]
        if poison in {claim.mail.id for claim in given}:
            # All that the worker had in hand is lost with it.
            die(database_path, clock, *(claim.mail.id for claim in given))
        else:
            for claim in given:
                assert claims.finish(Finish(claim, State.SENT, None, charged=True, attempt=None))
        most_deaths = deaths_of(database_path)
    assert most_deaths.pop(poison) == POISON_LIMIT
    assert set(most_deaths.values()) == {2}
    assert state_of(outbox, poison)[0] is State.FAILED
    assert {state_of(outbox, mail_id)[0] for mail_id in most_deaths} == {State.SENT}


def test_no_limit_of_deaths_is_so_low_that_a_mail_fails_for_its_neighbour() -> None:
    assert refusal(SettingError, Settings.load, {"POISON_LIMIT": str(SUSPECT_DEATHS)})
    assert Settings.load({"POISON_LIMIT": str(SUSPECT_DEATHS + 1)})


def test_what_dead_workers_had_is_taken_from_them_where_nothing_else_is_taken(
    outbox: Outbox, due: DueMails, database_path: Path, clock: Clock
) -> None:
    lives = with_deaths(outbox, database_path, State.SENDING, POISON_LIMIT - 1, NOON_MS + 1)
    died_once = with_deaths(outbox, database_path, State.SENDING, 0, NOON_MS - 1)
    dies_again = with_deaths(outbox, database_path, State.SENDING, POISON_LIMIT - 2)
    poison = with_deaths(outbox, database_path, State.SENDING, POISON_LIMIT - 1)
    assert due.reclaim() == [poison]
    assert [state_of(outbox, mail_id)[0] for mail_id in (lives, died_once, dies_again, poison)] == [
        State.SENDING,
        State.QUEUED,
        State.RETRYING,
        State.FAILED,
    ]
    assert due.take(10) == Due(publish=[died_once], suspects=[dies_again])
    assert deaths_of(database_path)[poison] == POISON_LIMIT
    assert [attempt.outcome for attempt in outbox.attempts(poison)] == [Outcome.OURS]
    assert due.reclaim() == []


# A lease that ended is watched for a while, where nothing but the time of day says that it did.

WATCH_S = 15.0


class Ticks:
    """A clock that nobody sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Ticks:
    ticks = Ticks()
    monkeypatch.setattr(module, "time", ticks)
    return ticks


@pytest.fixture
def watching(database: Database, clock: Clock, ticks: Ticks) -> DueMails:
    return DueMails(database, POISON_LIMIT, clock, lease_s=LEASE_S, watch_s=WATCH_S)


def test_a_lease_has_ended_when_nobody_has_renewed_it_for_a_while(
    outbox: Outbox, claims: Claims, watching: DueMails, database_path: Path, clock: Clock, ticks: Ticks
) -> None:
    mail_id = claimed(outbox, claims).mail.id
    clock.pass_s(LEASE_S)
    assert watching.take(10) == Due()
    ticks.now += WATCH_S - 0.1
    assert watching.take(10) == Due()
    assert deaths_of(database_path) == {mail_id: 0}
    ticks.now += 0.1
    assert watching.take(10) == Due(publish=[mail_id])
    assert deaths_of(database_path) == {mail_id: 1}


def test_a_clock_that_is_set_ahead_takes_no_mail_from_a_worker_that_lives(
    outbox: Outbox, claims: Claims, watching: DueMails, database_path: Path, clock: Clock, ticks: Ticks
) -> None:
    living, dead = claimed(outbox, claims), claimed(outbox, claims)
    watching.take(10)
    ticks.now += WATCH_S
    clock.pass_s(3600)
    assert watching.reclaim() == []
    claims.renew([living])
    ticks.now += WATCH_S
    assert watching.take(10) == Due(publish=[dead.mail.id])
    assert state_of(outbox, living.mail.id)[0] is State.SENDING
    assert deaths_of(database_path) == {living.mail.id: 0, dead.mail.id: 1}


def test_a_claim_that_was_made_meanwhile_is_another_one(
    outbox: Outbox, claims: Claims, watching: DueMails, clock: Clock, ticks: Ticks
) -> None:
    claim = claimed(outbox, claims)
    clock.pass_s(LEASE_S)
    watching.take(10)
    ends_at = clock()
    clock.now -= round(LEASE_S * 1000)
    claims.finish(Finish(claim, State.QUEUED, clock(), charged=False, attempt=None))
    assert claims.claim(claim.mail.id)
    assert state_of(outbox, claim.mail.id) == (State.SENDING, ends_at)
    clock.pass_s(LEASE_S)
    ticks.now += WATCH_S
    assert watching.take(10) == Due()


def test_leases_that_ended_while_the_database_was_away_are_watched_from_its_return_on(
    outbox: Outbox,
    claims: Claims,
    watching: DueMails,
    database_path: Path,
    clock: Clock,
    ticks: Ticks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claim = claimed(outbox, claims)
    clock.pass_s(LEASE_S)
    watching.take(10)
    ticks.now += WATCH_S
    with monkeypatch.context() as patch, locked(database_path):
        patch.setattr(database_module, "BUSY_TIMEOUT_S", 0.0)
        with pytest.raises(OutboxUnavailableError):
            watching.take(10)
    assert watching.take(10) == Due()
    claims.renew([claim])
    ticks.now += WATCH_S
    assert watching.take(10) == Due()
    ticks.now += WATCH_S
    assert watching.take(10) == Due()
    assert state_of(outbox, claim.mail.id)[0] is State.SENDING


def test_a_clock_that_was_an_hour_ahead_keeps_no_mail_of_a_dead_worker_waiting(
    outbox: Outbox, claims: Claims, watching: DueMails, database_path: Path, clock: Clock, ticks: Ticks
) -> None:
    living, dead = claimed(outbox, claims), claimed(outbox, claims)
    clock.now -= 3_600_000
    assert watching.take(10) == Due()
    claims.renew([living])
    ticks.now += WATCH_S
    assert watching.take(10) == Due(publish=[dead.mail.id])
    assert state_of(outbox, dead.mail.id) == (State.QUEUED, clock() + PUBLISH_WITHIN_MS)
    assert deaths_of(database_path) == {living.mail.id: 0, dead.mail.id: 1}


def test_nor_one_that_is_queued(outbox: Outbox, watching: DueMails, clock: Clock, ticks: Ticks) -> None:
    published, unpublished = accept(outbox), accept(outbox)
    watching.mark_published([published.id])
    assert watching.take(10) == Due()
    clock.now -= 3_600_000
    ticks.now += WATCH_S
    taken = watching.take(10)
    assert (taken.publish, taken.waiting) == ([unpublished.id], [published.id])


@pytest.mark.parametrize("state", [State.RETRYING, State.SCHEDULED])
def test_what_may_be_due_in_hours_is_not_touched(
    outbox: Outbox, watching: DueMails, database_path: Path, state: State
) -> None:
    later = NOON_MS + 86_400_000
    mail_id = put(outbox, database_path, state, later)
    assert watching.take(10) == Due()
    assert state_of(outbox, mail_id) == (state, later)
