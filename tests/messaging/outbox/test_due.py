"""What is due comes out, in order, once, and what the broker holds already is told apart."""

from pathlib import Path

import pytest

from messaging.outbox.claims import Claims
from messaging.outbox.due import PUBLISHED_FOR_MS, Due, DueMails
from messaging.outbox.outbox import PUBLISH_WITHIN_MS, Outbox
from messaging.outbox.records import Finish
from messaging.outbox.states import FINAL, State
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.deaths import deaths_of, with_deaths
from tests.fixtures.storage import accept, connected, put, state_of
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


@pytest.mark.slow
def test_several_dispatchers_share_what_is_due(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    ids = [put(outbox, database_path, State.RETRYING, NOON_MS) for _ in range(40)]
    taken = [future.result().publish for future in all_at_once(due.take, [7] * 8)]
    assert sorted(mail_id for batch in taken for mail_id in batch) == sorted(ids)


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


@pytest.mark.slow
def test_the_dispatchers_that_come_at_once_try_one_suspect(outbox: Outbox, due: DueMails, database_path: Path) -> None:
    for _ in range(12):
        with_deaths(outbox, database_path, State.SENDING, 1)
    taken = [future.result() for future in all_at_once(due.take, [3] * 6)]
    assert sum(len(each.publish) for each in taken) == 1
    assert sum(len(each.suspects) for each in taken) == 11
    assert set(deaths_of(database_path).values()) == {2}


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
