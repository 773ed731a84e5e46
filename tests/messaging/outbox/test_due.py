"""What is due comes out, in order, once, and what the broker holds already is told apart."""

from pathlib import Path

import pytest

from messaging.outbox.outbox import PUBLISH_WITHIN_MS, PUBLISHED_FOR_MS, Outbox
from messaging.outbox.records import Finish
from messaging.outbox.states import FINAL, State
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import accept, connected
from tests.fixtures.threads import all_at_once

WITHIN_S = PUBLISH_WITHIN_MS / 1000
LATER_S = PUBLISHED_FOR_MS / 1000


def put(outbox: Outbox, path: Path, state: State, due_at: int | None) -> str:
    """A mail that came to be in that state somehow."""
    mail_id = accept(outbox).id
    with connected(path) as connection:
        connection.execute("UPDATE mails SET state = ?, due_at = ? WHERE id = ?", (state.value, due_at, mail_id))
    return mail_id


def state_of(outbox: Outbox, mail_id: str) -> tuple[State, int | None]:
    mail = outbox.read(mail_id)
    assert mail is not None
    return mail.state, mail.due_at


def test_nothing_is_due_before_its_time(outbox: Outbox, clock: Clock) -> None:
    accept(outbox)
    clock.pass_s(WITHIN_S - 0.001)
    assert outbox.take_due(10) == ([], [])


@pytest.mark.parametrize("state", [state for state in State if state not in FINAL])
def test_whatever_is_unfinished_is_due_at_its_time_and_then_queued(
    outbox: Outbox, database_path: Path, state: State
) -> None:
    mail_id = put(outbox, database_path, state, NOON_MS)
    assert outbox.take_due(10) == ([mail_id], [])
    assert state_of(outbox, mail_id) == (State.QUEUED, NOON_MS + PUBLISH_WITHIN_MS)


def test_what_is_final_is_never_due(outbox: Outbox, database_path: Path) -> None:
    for state in FINAL:
        put(outbox, database_path, state, None)
    assert outbox.take_due(10) == ([], [])


def test_the_longest_due_comes_first(outbox: Outbox, database_path: Path) -> None:
    late, early, middle = (put(outbox, database_path, State.RETRYING, NOON_MS - ago) for ago in (1, 3, 2))
    assert outbox.take_due(10) == ([early, middle, late], [])


def test_at_most_so_many_are_taken_and_the_others_next_time(outbox: Outbox, database_path: Path) -> None:
    ids = [put(outbox, database_path, State.RETRYING, NOON_MS - 10 + number) for number in range(5)]
    assert outbox.take_due(2) == (ids[:2], [])
    assert outbox.take_due(2) == (ids[2:4], [])
    assert outbox.take_due(2) == (ids[4:], [])


def test_what_was_taken_and_not_published_is_due_again(outbox: Outbox, clock: Clock) -> None:
    mail = accept(outbox)
    clock.pass_s(WITHIN_S)
    assert outbox.take_due(10) == ([mail.id], [])
    assert outbox.take_due(10) == ([], [])
    clock.pass_s(WITHIN_S)
    assert outbox.take_due(10) == ([mail.id], [])


def test_what_the_broker_confirmed_is_left_alone_for_a_while_and_then_asked_after(outbox: Outbox, clock: Clock) -> None:
    mail = accept(outbox)
    outbox.mark_published([mail.id])
    clock.pass_s(LATER_S - 0.001)
    assert outbox.take_due(10) == ([], [])
    clock.pass_s(0.001)
    assert outbox.take_due(10) == ([], [mail.id])
    # Whoever asked has as long to answer as whoever publishes.
    assert outbox.take_due(10) == ([], [])
    clock.pass_s(WITHIN_S)
    assert outbox.take_due(10) == ([], [mail.id])


def test_published_again_it_is_left_alone_again(outbox: Outbox, clock: Clock) -> None:
    mail = accept(outbox)
    outbox.mark_published([mail.id])
    clock.pass_s(LATER_S)
    outbox.take_due(10)
    outbox.mark_published([mail.id])
    clock.pass_s(LATER_S - 0.001)
    assert outbox.take_due(10) == ([], [])


def test_a_lease_that_ended_must_be_published_although_it_once_was(outbox: Outbox, clock: Clock) -> None:
    mail = accept(outbox)
    outbox.mark_published([mail.id])
    assert outbox.claim(mail.id, 120)
    clock.pass_s(119.999)
    assert outbox.take_due(10) == ([], [])
    clock.pass_s(0.001)
    assert outbox.take_due(10) == ([mail.id], [])


def test_a_retry_must_be_published_although_the_first_try_was(outbox: Outbox) -> None:
    mail = accept(outbox)
    outbox.mark_published([mail.id])
    claim = outbox.claim(mail.id, 120)
    assert claim is not None
    outbox.finish(Finish(claim, State.RETRYING, NOON_MS, charged=True, attempt=None))
    assert outbox.take_due(10) == ([mail.id], [])


@pytest.mark.parametrize("state", [state for state in State if state is not State.QUEUED])
def test_a_late_confirm_touches_only_what_still_is_queued(outbox: Outbox, database_path: Path, state: State) -> None:
    due_at = None if state in FINAL else NOON_MS + 1
    mail_id = put(outbox, database_path, state, due_at)
    outbox.mark_published([mail_id])
    assert state_of(outbox, mail_id) == (state, due_at)


def test_a_broker_that_lost_everything_gets_it_again(outbox: Outbox, database_path: Path) -> None:
    published, unpublished = accept(outbox), accept(outbox)
    outbox.mark_published([published.id])
    later = NOON_MS + 60_000
    others = {state: put(outbox, database_path, state, later) for state in (State.RETRYING, State.SENDING)}
    final = put(outbox, database_path, State.SENT, None)
    outbox.forget_published()
    publish, waiting = outbox.take_due(10)
    assert (sorted(publish), waiting) == (sorted([published.id, unpublished.id]), [])
    assert {state: state_of(outbox, mail_id) for state, mail_id in others.items()} == {
        state: (state, later) for state in others
    }
    assert state_of(outbox, final) == (State.SENT, None)


def test_several_dispatchers_share_what_is_due(outbox: Outbox, database_path: Path) -> None:
    ids = [put(outbox, database_path, State.RETRYING, NOON_MS) for _ in range(40)]
    taken = [future.result()[0] for future in all_at_once(outbox.take_due, [7] * 8)]
    assert sorted(mail_id for batch in taken for mail_id in batch) == sorted(ids)
