"""What is due comes out, in order, once, and what the broker holds already is told apart."""

from pathlib import Path

import pytest

from config.errors import SettingError
from config.settings import Settings
from messaging.outbox import database as database_module
from messaging.outbox import dead_workers as module
from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.dead_workers import SUSPECT_DEATHS
from messaging.outbox.due import PUBLISHED_FOR_MS, Due, DueMails
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import PUBLISH_WITHIN_MS, Outbox
from messaging.outbox.records import Attempt, Finish, Outcome
from messaging.outbox.states import FINAL, State
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.refusals import refusal
from tests.fixtures.storage import LEASE_S, POISON_LIMIT, accept, claimed, connected, locked, put, state_of
from tests.fixtures.threads import all_at_once

WITHIN_S = PUBLISH_WITHIN_MS / 1000
LATER_S = PUBLISHED_FOR_MS / 1000


def test_nothing_is_due_before_its_time(outbox: Outbox, due: DueMails, clock: Clock) -> None:
    accept(outbox)
    clock.pass_s(WITHIN_S - 0.001)
    assert due.take(10) == Due()


@pytest.mark.parametrize("state", [state for state in State if state not in FINAL])
def test_whatever_is_unfinished_is_due_at_its_time_and_then_queued(
    outbox: Outbox, due: DueMails, database_path: Path, state: State
) -> None:
    mail_id = put(outbox, database_path, state, NOON_MS)
    assert due.take(10) == Due(publish=[mail_id])
    assert state_of(outbox, mail_id) == (State.QUEUED, NOON_MS + PUBLISH_WITHIN_MS)


def test_what_is_final_is_never_due(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    for state in FINAL:
        put(outbox, database_path, state, None)
    assert due.take(10) == Due()


def test_the_longest_due_comes_first(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    late, early, middle = (put(outbox, database_path, State.RETRYING, NOON_MS - ago) for ago in (1, 3, 2))
    assert due.take(10) == Due(publish=[early, middle, late])


def test_at_most_so_many_are_taken_and_the_others_next_time(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    ids = [put(outbox, database_path, State.RETRYING, NOON_MS - 10 + number) for number in range(5)]
    assert due.take(2) == Due(publish=ids[:2])
    assert due.take(2) == Due(publish=ids[2:4])
    assert due.take(2) == Due(publish=ids[4:])


def test_what_was_taken_and_not_published_is_due_again(outbox: Outbox, due: DueMails, clock: Clock) -> None:
    mail = accept(outbox)
    clock.pass_s(WITHIN_S)
    assert due.take(10) == Due(publish=[mail.id])
    assert due.take(10) == Due()
    clock.pass_s(WITHIN_S)
    assert due.take(10) == Due(publish=[mail.id])


def test_what_the_broker_confirmed_is_left_alone_for_a_while_and_then_asked_after(
    outbox: Outbox, due: DueMails, clock: Clock
) -> None:
    mail = accept(outbox)
    due.mark_published([mail.id])
    clock.pass_s(LATER_S - 0.001)
    assert due.take(10) == Due()
    clock.pass_s(0.001)
    assert due.take(10) == Due(waiting=[mail.id])
    # Whoever asked has as long to answer as whoever publishes.
    assert due.take(10) == Due()
    clock.pass_s(WITHIN_S)
    assert due.take(10) == Due(waiting=[mail.id])


def test_published_again_it_is_left_alone_again(outbox: Outbox, due: DueMails, clock: Clock) -> None:
    mail = accept(outbox)
    due.mark_published([mail.id])
    clock.pass_s(LATER_S)
    due.take(10)
    due.mark_published([mail.id])
    clock.pass_s(LATER_S - 0.001)
    assert due.take(10) == Due()


def test_a_lease_that_ended_must_be_published_although_it_once_was(
    outbox: Outbox, claims: Claims, due: DueMails, clock: Clock
) -> None:
    mail = accept(outbox)
    due.mark_published([mail.id])
    assert claims.claim(mail.id)
    clock.pass_s(119.999)
    assert due.take(10) == Due()
    clock.pass_s(0.001)
    assert due.take(10) == Due(publish=[mail.id])


def test_a_retry_must_be_published_although_the_first_try_was(outbox: Outbox, claims: Claims, due: DueMails) -> None:
    mail = accept(outbox)
    due.mark_published([mail.id])
    claim = claims.claim(mail.id)
    assert claim is not None
    claims.finish(Finish(claim, State.RETRYING, NOON_MS, charged=True, attempt=None))
    assert due.take(10) == Due(publish=[mail.id])


@pytest.mark.parametrize("state", [state for state in State if state is not State.QUEUED])
def test_a_late_confirm_touches_only_what_still_is_queued(
    outbox: Outbox, due: DueMails, database_path: Path, state: State
) -> None:
    due_at = None if state in FINAL else NOON_MS + 1
    mail_id = put(outbox, database_path, state, due_at)
    due.mark_published([mail_id])
    assert state_of(outbox, mail_id) == (state, due_at)


def test_a_first_confirm_that_is_noted_late_holds_up_no_mail_that_was_given_back(
    outbox: Outbox, claims: Claims, due: DueMails
) -> None:
    waits, mail = accept(outbox), accept(outbox)
    claim = claims.claim(mail.id)
    assert claim is not None
    claims.finish(Finish(claim, State.QUEUED, NOON_MS, charged=False, attempt=None))
    due.mark_first_published([waits.id, mail.id])
    assert state_of(outbox, waits.id) == (State.QUEUED, NOON_MS + PUBLISHED_FOR_MS)
    assert due.take(10) == Due(publish=[mail.id])


def test_a_broker_that_lost_everything_gets_it_again(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    published, unpublished = accept(outbox), accept(outbox)
    due.mark_published([published.id])
    later = NOON_MS + 60_000
    others = {state: put(outbox, database_path, state, later) for state in (State.RETRYING, State.SENDING)}
    final = put(outbox, database_path, State.SENT, None)
    due.forget_published()
    taken = due.take(10)
    assert sorted(taken.publish) == sorted([published.id, unpublished.id])
    assert len(taken) == 2
    assert {state: state_of(outbox, mail_id) for state, mail_id in others.items()} == {
        state: (state, later) for state in others
    }
    assert state_of(outbox, final) == (State.SENT, None)


def test_several_dispatchers_share_what_is_due(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    ids = [put(outbox, database_path, State.RETRYING, NOON_MS) for _ in range(40)]
    taken = [future.result().publish for future in all_at_once(due.take, [7] * 8)]
    assert sorted(mail_id for batch in taken for mail_id in batch) == sorted(ids)


def die(database_path: Path, clock: Clock, *mail_ids: str) -> None:
    """Let the leases of claimed mails end, all at once."""
    clock.pass_s(LEASE_S)
    with connected(database_path) as connection:
        for mail_id in mail_ids:
            changed = connection.execute(
                "UPDATE mails SET due_at = ? WHERE id = ? AND state = 'sending'", (clock(), mail_id)
            )
            assert changed.rowcount == 1


def deaths_of(path: Path) -> dict[str, int]:
    with connected(path) as connection:
        return dict(connection.execute("SELECT id, deaths FROM mails").fetchall())


def with_deaths(outbox: Outbox, path: Path, state: State, deaths: int, due_at: int = NOON_MS) -> str:
    """A mail in that state whose workers died so often."""
    mail_id = put(outbox, path, state, due_at)
    with connected(path) as connection:
        connection.execute("UPDATE mails SET deaths = ? WHERE id = ?", (deaths, mail_id))
    return mail_id


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


def test_those_whose_worker_died_for_the_first_time_are_tried_together(
    outbox: Outbox, due: DueMails, database_path: Path
) -> None:
    ids = [with_deaths(outbox, database_path, State.SENDING, 0, NOON_MS - 9 + number) for number in range(4)]
    assert due.take(10) == Due(publish=ids)


@pytest.mark.parametrize("state", [State.SENDING, State.RETRYING])
def test_those_whose_workers_died_twice_are_tried_one_after_the_other(
    outbox: Outbox, claims: Claims, due: DueMails, database_path: Path, clock: Clock, state: State
) -> None:
    deaths = 1 if state is State.SENDING else 2
    ids = [with_deaths(outbox, database_path, state, deaths, NOON_MS - 9 + number) for number in range(3)]
    assert due.take(10) == Due(publish=ids[:1], suspects=ids[1:])
    for mail_id in ids[1:]:
        assert state_of(outbox, mail_id) == (State.RETRYING, clock() + 1000)
    # Its turn lasts from its publishing on, and through its sending.
    clock.pass_s(1)
    assert due.take(10) == Due(suspects=ids[1:])
    claim = claims.claim(ids[0])
    assert claim is not None
    clock.pass_s(1)
    assert due.take(10) == Due(suspects=ids[1:])
    assert claims.finish(Finish(claim, State.SENT, None, charged=True, attempt=None))
    clock.pass_s(1)
    assert due.take(10) == Due(publish=ids[1:2], suspects=ids[2:])


def test_a_suspect_that_waits_for_its_next_attempt_keeps_no_other_waiting(
    outbox: Outbox, due: DueMails, database_path: Path
) -> None:
    with_deaths(outbox, database_path, State.RETRYING, 2, NOON_MS + 60_000)
    other = with_deaths(outbox, database_path, State.RETRYING, 2)
    assert due.take(10) == Due(publish=[other])


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_suspect_that_is_finished_keeps_no_other_waiting(
    outbox: Outbox, due: DueMails, database_path: Path, state: State
) -> None:
    finished = with_deaths(outbox, database_path, State.QUEUED, 4)
    with connected(database_path) as connection:
        connection.execute("UPDATE mails SET state = ?, due_at = NULL WHERE id = ?", (state.value, finished))
    other = with_deaths(outbox, database_path, State.RETRYING, 2)
    assert due.take(10) == Due(publish=[other])


def test_suspects_keep_nobody_else_waiting(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    in_play = with_deaths(outbox, database_path, State.SENDING, 3, NOON_MS + 60_000)
    first_death = with_deaths(outbox, database_path, State.SENDING, 0, NOON_MS - 3)
    unharmed = with_deaths(outbox, database_path, State.RETRYING, 0, NOON_MS - 2)
    suspect = with_deaths(outbox, database_path, State.RETRYING, 2, NOON_MS - 1)
    assert due.take(10) == Due(publish=[first_death, unharmed], suspects=[suspect])
    assert state_of(outbox, in_play) == (State.SENDING, NOON_MS + 60_000)


def test_a_suspect_that_nobody_claimed_is_published_again(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    mail_id = with_deaths(outbox, database_path, State.QUEUED, 3)
    assert due.take(10) == Due(publish=[mail_id])


def test_a_suspect_that_was_put_off_must_be_published_although_it_once_was(
    outbox: Outbox, claims: Claims, due: DueMails, database_path: Path, clock: Clock
) -> None:
    first, other = (with_deaths(outbox, database_path, State.QUEUED, 2, NOON_MS + number) for number in range(2))
    due.mark_published([first, other])
    clock.pass_s(LATER_S)
    assert due.take(10) == Due(waiting=[first], suspects=[other])
    claim = claims.claim(first)
    assert claim is not None
    assert claims.finish(Finish(claim, State.SENT, None, charged=True, attempt=None))
    clock.pass_s(1)
    for _ in range(2):
        assert due.take(10) == Due(publish=[other])
        clock.pass_s(WITHIN_S)


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


def test_the_dispatchers_that_come_at_once_try_one_suspect(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    for _ in range(12):
        with_deaths(outbox, database_path, State.SENDING, 1)
    taken = [future.result() for future in all_at_once(due.take, [3] * 6)]
    assert sum(len(each.publish) for each in taken) == 1
    assert sum(len(each.suspects) for each in taken) == 11
    assert set(deaths_of(database_path).values()) == {2}


def test_no_limit_of_deaths_is_so_low_that_a_mail_fails_for_its_neighbour() -> None:
    assert refusal(SettingError, Settings.load, {"POISON_LIMIT": str(SUSPECT_DEATHS)})
    assert Settings.load({"POISON_LIMIT": str(SUSPECT_DEATHS + 1)})


def test_a_suspect_whose_turn_it_is_keeps_it(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    # The broker's queue is long, so that it was not claimed before it was looked at again.
    waits = with_deaths(outbox, database_path, State.RETRYING, 2, NOON_MS - 2)
    in_play = with_deaths(outbox, database_path, State.QUEUED, 2, NOON_MS - 1)
    assert due.take(10) == Due(publish=[in_play], suspects=[waits])


def test_a_suspect_whose_turn_it_is_does_not_multiply_itself(
    outbox: Outbox, due: DueMails, database_path: Path, clock: Clock
) -> None:
    in_play = with_deaths(outbox, database_path, State.RETRYING, 2)
    assert due.take(10) == Due(publish=[in_play])
    due.mark_published([in_play])
    clock.pass_s(LATER_S)
    assert due.take(10) == Due(waiting=[in_play])


@pytest.mark.parametrize("most", [2, 10])
def test_of_suspects_that_are_all_queued_one_is_tried(
    outbox: Outbox, due: DueMails, database_path: Path, clock: Clock, most: int
) -> None:
    # The relay was held, and each of them was a probe.
    ids = {with_deaths(outbox, database_path, State.QUEUED, 2, NOON_MS - 9 + number) for number in range(5)}
    published: list[str] = []
    while len(taken := due.take(most)):
        published += taken.publish
    assert len(published) == 1
    states = {mail_id: state_of(outbox, mail_id)[0] for mail_id in ids}
    assert [mail_id for mail_id, state in states.items() if state is State.QUEUED] == published
    assert {states[mail_id] for mail_id in ids.difference(published)} == {State.RETRYING}


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


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING])
def test_a_mail_that_is_under_way_after_its_first_death_keeps_no_suspect_waiting(
    outbox: Outbox, due: DueMails, database_path: Path, state: State
) -> None:
    with_deaths(outbox, database_path, state, 1, NOON_MS + 10_000)
    suspect = with_deaths(outbox, database_path, State.RETRYING, 2)
    assert due.take(10) == Due(publish=[suspect])


def test_what_was_taken_is_counted_whatever_is_to_be_done_with_it() -> None:
    # A full batch is followed by the next at once.
    assert len(Due()) == 0
    assert len(Due(publish=["1"], waiting=["2", "3"], poison=["4"] * 4, suspects=["5"] * 8)) == 15


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
