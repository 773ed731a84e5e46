"""Uses are counted exactly: never more than the rate in any period, and not a moment longer than it takes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.values import Rate
from messaging.outbox.accepting import Terms
from messaging.outbox.database import Database
from messaging.outbox.errors import LimitReachedError
from messaging.outbox.outbox import Outbox
from messaging.outbox.uses import MOST_TIMES, Use, Window
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import connected, listed
from tests.fixtures.threads import all_at_once

HOUR_S = 3600.0
HOUR_MS = 3_600_000

THREE_AN_HOUR = Rate(3, HOUR_S)

rates = st.builds(Rate, st.integers(1, 5), st.sampled_from([1.0, 60.0]))
large_rates = st.builds(Rate, st.integers(MOST_TIMES + 1, MOST_TIMES + 50), st.sampled_from([60.0]))
#: Waits between tries in milliseconds: none, short ones, and about as long as a period.
waits = st.lists(st.one_of(st.just(0), st.integers(0, 2000), st.integers(900, 61_000)), max_size=60)


def try_all(rate: Rate, waits: list[int]) -> list[int]:
    """When uses were let through, of tries with those waits between them; what is kept goes through its stored form."""
    now, times, used = NOON_MS, list[int](), list[int]()
    for wait in waits:
        now += wait
        window = Window(rate, now, times)
        if window.free_at() == now:
            window.add()
            used.append(now)
            times = window.times
    return used


@given(rates, waits)
def test_in_no_period_there_are_more_than_the_rate(rate: Rate, waits: list[int]) -> None:
    used = try_all(rate, waits)
    period = int(rate.period_s * 1000)
    for first in used:
        assert sum(first <= at < first + period for at in used) <= rate.at_most


@given(rates, waits)
def test_nothing_is_refused_that_could_be_let_through(rate: Rate, waits: list[int]) -> None:
    period = int(rate.period_s * 1000)
    expected: list[int] = []
    now = NOON_MS
    for wait in waits:
        now += wait
        if sum(at > now - period for at in expected) < rate.at_most:
            expected.append(now)
    assert try_all(rate, waits) == expected


@given(rates, waits)
def test_it_says_to_the_millisecond_when_there_is_room(rate: Rate, waits: list[int]) -> None:
    times: list[int] = []
    now = NOON_MS
    for wait in waits:
        now += wait
        window = Window(rate, now, times)
        free_at = window.free_at()
        if free_at > now:
            assert Window(rate, free_at - 1, times).free_at() > free_at - 1
            assert Window(rate, free_at, times).free_at() == free_at
        else:
            window.add()
            times = window.times


@pytest.mark.slow
@given(large_rates, st.lists(st.integers(0, 250), min_size=400, max_size=500))
def test_a_large_rate_is_held_too_and_what_is_kept_stays_small(rate: Rate, waits: list[int]) -> None:
    period = int(rate.period_s * 1000)
    now, times, used = NOON_MS, list[int](), list[int]()
    for wait in waits:
        now += wait
        window = Window(rate, now, times)
        if window.free_at() > now:
            assert sum(at > now - period - period // MOST_TIMES for at in used) >= rate.at_most
        else:
            window.add()
            used.append(now)
            times = window.times
        assert len(times) <= 2 * (MOST_TIMES + 2)
    for first in used:
        assert sum(first <= at < first + period for at in used) <= rate.at_most


def test_a_billion_an_hour_take_no_more_room_than_a_few_hundred() -> None:
    window = Window(Rate(10**9, HOUR_S), NOON_MS)
    for _ in range(1000):
        window.add()
    assert len(window.times) == 2


def test_uses_of_a_clock_that_was_years_ahead_do_not_count_for_years() -> None:
    years = 10 * 365 * 24 * HOUR_MS
    ahead = Window(THREE_AN_HOUR, NOON_MS + years)
    for _ in range(3):
        ahead.add()
    now = Window(THREE_AN_HOUR, NOON_MS, ahead.times)
    assert now.free_at() == NOON_MS
    now.add()
    assert len(now.times) == 2


def test_a_clock_that_steps_back_a_little_forgets_nothing() -> None:
    window = Window(THREE_AN_HOUR, NOON_MS)
    for _ in range(2):
        window.add()
    behind = Window(THREE_AN_HOUR, NOON_MS - 500, window.times)
    behind.add()
    assert behind.free_at() == behind.ends_at == NOON_MS + HOUR_MS
    assert Window(THREE_AN_HOUR, NOON_MS + 1, behind.times).free_at() == NOON_MS + HOUR_MS


def use(subject: int = 1, at_most: int = 3) -> Use:
    return Use(subject, Rate(at_most, HOUR_S), f"limit {subject}:")


def accept(outbox: Outbox, *uses: Use) -> bool:
    """Whether a mail that counts against those was accepted."""
    try:
        outbox.accept(
            sender="a@example.org", recipient="me@example.com", subject="s", text="t", terms=Terms(None, uses)
        )
    except LimitReachedError:
        return False
    return True


def refusal(outbox: Outbox, *uses: Use) -> LimitReachedError:
    with pytest.raises(LimitReachedError) as caught:
        outbox.accept(
            sender="a@example.org", recipient="me@example.com", subject="s", text="t", terms=Terms(None, uses)
        )
    return caught.value


def test_a_limit_is_reached_and_has_room_again(outbox: Outbox, clock: Clock) -> None:
    for _ in range(3):
        assert accept(outbox, use())
        clock.pass_s(60)
    refused = refusal(outbox, use())
    assert (refused.about, refused.wait_ms) == ("limit 1: 3/h", HOUR_MS - 180_000)
    clock.pass_s(refused.wait_ms / 1000 - 0.001)
    assert not accept(outbox, use())
    clock.pass_s(0.001)
    assert accept(outbox, use())
    assert not accept(outbox, use())
    assert len(listed(outbox)) == 4


def test_what_is_refused_counts_against_nothing(outbox: Outbox, clock: Clock) -> None:
    assert accept(outbox, use(1, at_most=1), use(2))
    for _ in range(10):
        clock.pass_s(60)
        assert not accept(outbox, use(1, at_most=1), use(2))
    assert accept(outbox, use(2))
    assert accept(outbox, use(2))
    assert not accept(outbox, use(2))
    clock.pass_s(HOUR_S - 600)
    assert accept(outbox, use(1, at_most=1), use(3))


def test_the_wait_is_for_the_last_of_several_limits(outbox: Outbox, clock: Clock) -> None:
    assert accept(outbox, use(1, at_most=1))
    clock.pass_s(60)
    assert accept(outbox, use(2, at_most=1))
    refused = refusal(outbox, use(2, at_most=1), use(1, at_most=1))
    assert (refused.about, refused.wait_ms) == ("limit 2: 1/h", HOUR_MS)
    clock.pass_s(HOUR_S)
    assert accept(outbox, use(2, at_most=1), use(1, at_most=1))


def test_who_has_reached_a_limit_does_not_keep_others_out(outbox: Outbox) -> None:
    assert [accept(outbox, use(1)) for _ in range(4)] == [True, True, True, False]
    assert accept(outbox, use(2))
    assert accept(outbox)


@pytest.mark.parametrize("at_most", [3, 60])
def test_of_100_at_the_same_moment_no_more_than_the_limit_pass(outbox: Outbox, at_most: int) -> None:
    passed = [result.result() for result in all_at_once(lambda _: accept(outbox, use(1, at_most)), range(100))]
    assert sum(passed) == len(listed(outbox, limit=200)) == at_most


def test_several_programs_count_together_and_a_restart_changes_nothing(database: Database, clock: Clock) -> None:
    first, second = Outbox(database, clock), Outbox(database, clock)
    passed = all_at_once(lambda number: accept((first, second)[number % 2], use()), range(60))
    assert sum(result.result() for result in passed) == 3
    assert not accept(Outbox(database, clock), use())


def test_a_refusal_writes_nothing(outbox: Outbox, database_path: Path) -> None:
    while accept(outbox, use()):
        pass
    with connected(database_path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    log = database_path.with_name(f"{database_path.name}-wal")
    assert log.stat().st_size == 0
    assert not accept(outbox, use())
    assert log.stat().st_size == 0


def test_what_counts_against_nothing_leaves_no_trace(outbox: Outbox, database_path: Path) -> None:
    assert accept(outbox)
    with connected(database_path) as connection:
        assert connection.execute("SELECT count(*) FROM uses").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM repeats").fetchone() == (0,)
