"""Confirms take out what they are for, whatever order they come in."""

from hypothesis import given
from hypothesis import strategies as st

from config.rabbitmq.unconfirmed import Unconfirmed


def of(count: int) -> Unconfirmed:
    unconfirmed = Unconfirmed()
    for number in range(1, count + 1):
        unconfirmed.add(str(number))
    return unconfirmed


def test_numbers_begin_at_one() -> None:
    assert of(3).take(1, multiple=False) == ["1"]


def test_a_confirm_is_for_one_or_for_all_up_to_it() -> None:
    unconfirmed = of(5)
    assert unconfirmed.take(2, multiple=False) == ["2"]
    assert unconfirmed.take(4, multiple=True) == ["1", "3", "4"]
    assert unconfirmed.take(5, multiple=True) == ["5"]
    assert len(unconfirmed) == 0


def test_what_was_given_up_is_not_found_when_its_confirm_comes_and_what_follows_is() -> None:
    unconfirmed = of(3)
    assert unconfirmed.take_all() == ["1", "2", "3"]
    unconfirmed.add("4")
    assert unconfirmed.take(2, multiple=True) == []
    assert unconfirmed.take(3, multiple=False) == []
    assert unconfirmed.take(4, multiple=True) == ["4"]


def test_a_confirm_for_what_was_confirmed_before_or_never_published_finds_nothing() -> None:
    unconfirmed = of(1)
    unconfirmed.take(1, multiple=False)
    assert unconfirmed.take(1, multiple=True) == []
    assert unconfirmed.take(9, multiple=True) == []
    unconfirmed.add("2")
    assert unconfirmed.take(2, multiple=False) == ["2"]


@given(st.integers(0, 30), st.lists(st.tuples(st.integers(1, 30), st.booleans())))
def test_every_id_is_taken_out_once_at_most_and_in_order(count: int, confirms: list[tuple[int, bool]]) -> None:
    unconfirmed, still = of(count), set(range(1, count + 1))
    for number, multiple in confirms:
        expected = sorted(each for each in still if (each <= number if multiple else each == number))
        assert unconfirmed.take(number, multiple=multiple) == [str(each) for each in expected]
        still -= set(expected)
        assert len(unconfirmed) == len(still)
    assert unconfirmed.take_all() == [str(each) for each in sorted(still)]


def test_confirms_one_by_one_do_not_make_a_later_one_dearer() -> None:
    unconfirmed = Unconfirmed()
    for number in range(1, 1001):
        unconfirmed.add(str(number))
        unconfirmed.take(number, multiple=False)
    assert unconfirmed._oldest == 1001
