"""The error of a setting is one line, whatever the value."""

from hypothesis import example, given
from hypothesis import strategies as st

from config.errors import SettingError


def test_it_names_the_variable_the_problem_and_what_is_allowed() -> None:
    error = SettingError("LISTEN", '"x" cannot be used', "an address and a port")
    assert str(error) == 'LISTEN: "x" cannot be used; allowed: an address and a port'
    assert (error.name, error.allowed) == ("LISTEN", "an address and a port")


@given(st.text())
@example("a\r\nb\u2028c\x85\udcff")
def test_no_value_makes_more_than_one_line_of_it(value: str) -> None:
    assert str(SettingError("LISTEN", f'"{value}" cannot be used', "an address")).isprintable()


def test_a_line_end_in_the_value_is_shown_as_an_escape() -> None:
    assert r'"a\nb"' in str(SettingError("LISTEN", '"a\nb" cannot be used', "an address"))
