"""Every parser of a value, with what it takes and what it refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config import values
from config.secret import Secret
from config.values import Endpoint, Rate
from tests.fixtures.refusals import refusal

_YEAR_S = 365 * 86400.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("500ms", 0.5),
        ("0s", 0.0),
        ("30s", 30.0),
        ("10m", 600.0),
        ("2h", 7200.0),
        ("7d", 604800.0),
        ("007s", 7.0),
        ("365d", _YEAR_S),
        ("8760h", _YEAR_S),
    ],
)
def test_a_duration_is_a_number_and_its_unit(value: str, seconds: float) -> None:
    assert values.duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    ["", "30", "s", "30 s", " 30s", "30s\n", "30S", "-1s", "+1s", "1.5h", "1h30m", "1w", "٣s", "366d", "9" * 400 + "s"],
)
def test_anything_else_is_not_a_duration(value: str) -> None:
    with pytest.raises(ValueError, match="a duration such as 500ms, 30s, 10m, 2h or 7d, up to 365d"):
        values.duration(value)


@pytest.mark.parametrize("value", ["0s", "0ms", "000d", "x"])
def test_some_durations_must_be_above_zero(value: str) -> None:
    assert values.positive_duration("1ms") == 0.001
    with pytest.raises(ValueError, match="a duration"):
        values.positive_duration(value)


@pytest.mark.parametrize(
    ("value", "seconds"), [("1m", (60.0,)), ("1m,5m,2h", (60.0, 300.0, 7200.0)), (" 1s , 2s ", (1.0, 2.0))]
)
def test_durations_are_separated_by_commas(value: str, seconds: tuple[float, ...]) -> None:
    assert values.durations(value) == seconds


@pytest.mark.parametrize("value", ["", ",", "1m,", "1m,,2m", "1m 2m", "1m;2m", "1m,0s"])
def test_a_list_with_anything_else_in_it_is_refused_as_a_whole(value: str) -> None:
    with pytest.raises(ValueError, match="separated by commas"):
        values.durations(value)


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ("3/h", Rate(3, 3600.0)),
        ("20/m", Rate(20, 60.0)),
        ("1/s", Rate(1, 1.0)),
        ("200/d", Rate(200, 86400.0)),
        ("off", None),
        ("OFF", None),
    ],
)
def test_a_rate_is_how_many_in_what_time(value: str, limit: Rate | None) -> None:
    assert values.rate(value) == limit


@pytest.mark.parametrize("value", ["3/s", "20/m", "200/h", "999999999/d"])
def test_a_rate_is_shown_as_it_is_written(value: str) -> None:
    assert str(values.rate(value)) == value


@pytest.mark.parametrize(
    "value", ["", "3", "3/", "/h", "0/h", "-1/h", "3/w", "3/2h", "3 / h", "3/h\n", "9" * 5000 + "/h"]
)
def test_anything_else_is_not_a_rate(value: str) -> None:
    with pytest.raises(ValueError, match="a rate such as 3/h, 20/m or 200/d, or off"):
        values.rate(value)


@pytest.mark.parametrize(
    ("value", "endpoint"),
    [
        ("127.0.0.1:8080", Endpoint("127.0.0.1", 8080)),
        ("localhost:0", Endpoint("localhost", 0)),
        ("[::1]:8080", Endpoint("::1", 8080)),
        ("0.0.0.0:65535", Endpoint("0.0.0.0", 65535)),
    ],
)
def test_an_endpoint_is_an_address_and_a_port_and_is_shown_as_it_is_written(value: str, endpoint: Endpoint) -> None:
    assert values.endpoint(value) == endpoint
    assert str(endpoint) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "8080",
        ":8080",
        "localhost",
        "localhost:",
        "localhost:http",
        "::1:8080",
        "[::1]",
        "[localhost]:8080",
        "a:-1",
        "a:65536",
        "a:999999",
        "a:٨٠",
        "münchen:80",
    ],
)
def test_anything_else_is_not_an_endpoint(value: str) -> None:
    with pytest.raises(ValueError, match="port"):
        values.endpoint(value)


@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
def test_true_is_true_in_any_case(value: str) -> None:
    assert values.boolean(value) is True
    assert values.boolean("False") is False


@pytest.mark.parametrize("value", ["", "1", "0", "yes", "no", "on", "off", " true"])
def test_no_other_word_is_true_or_false(value: str) -> None:
    with pytest.raises(ValueError, match="true or false"):
        values.boolean(value)


@pytest.mark.parametrize(("value", "number"), [("1", 1), ("512", 512), ("007", 7)])
def test_a_whole_number_may_be_any_in_its_range(value: str, number: int) -> None:
    assert values.integer(1, 512)(value) == number


@pytest.mark.parametrize("value", ["", "0", "513", "-1", "+1", "1.0", "1e2", "1_0", " 1", "1\n", "٣", "9" * 5000])
def test_anything_else_is_refused_with_the_range(value: str) -> None:
    with pytest.raises(ValueError, match="a whole number from 1 to 512"):
        values.integer(1, 512)(value)


def test_a_choice_is_one_of_a_few_words_in_any_case() -> None:
    choose = values.choice("text", "json")
    assert [choose("text"), choose("JSON")] == ["text", "json"]
    with pytest.raises(ValueError, match="text or json"):
        choose("xml")


@pytest.mark.parametrize(
    "value",
    [
        "Hello",
        "Schöne Grüße",
        "Prix\u202f: 5\u00a0€",
        "👩\u200d💻 done",
        "می\u200cخواهم",
        "שלום",
        "\U0001fae9",
        "x" * 500,
    ],
)
def test_a_line_is_any_text_without_line_ends(value: str) -> None:
    assert values.line(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "a\nb",
        "a\rb",
        "a\tb",
        "a\0b",
        "a\x0bb",
        "a\x0cb",
        "a\x1cb",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "\x7f",
        "\udcff",
        "=?utf-8?q?x?=",
        "a=?b",
        "x" * 501,
    ],
)
def test_a_line_has_no_control_characters_no_encoded_words_and_an_end(value: str) -> None:
    with pytest.raises(ValueError, match="one line of at most 500 characters"):
        values.line(value)


@given(st.text())
def test_what_counts_as_one_line_is_one_line_for_python_too(value: str) -> None:
    assert not values.is_one_line(value) or len(f"-{value}-".splitlines()) == 1


@pytest.mark.parametrize("value", ["a\0b", "caf\udce9"])
def test_a_text_has_no_nul_and_no_bytes_that_are_not_utf_8(value: str) -> None:
    assert values.text("two\nlines é") == "two\nlines é"
    with pytest.raises(ValueError, match="a text in UTF-8"):
        values.text(value)


def test_a_path_is_any_text_without_nul() -> None:
    assert values.path("/var/log/x y.log") == Path("/var/log/x y.log")
    with pytest.raises(ValueError, match="a file's path"):
        values.path("a\0b")


@pytest.mark.parametrize(
    "value", ["messaging@localhost", "alerts@example.com", "o'neil+x@mail.example.com", "a@[127.0.0.1]"]
)
def test_the_sender_may_be_at_a_local_host(value: str) -> None:
    assert values.sender(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "alerts",
        "@example.com",
        "alerts@",
        "a b@example.com",
        "a@b@c",
        "A <a@example.com>",
        "a@b,c@d",
        "a@b\n",
        " a@b",
        "(a)a@b",
        '"a"@b',
        '"a\tb"@c',
        "a@b\r\nBcc: x@y",
        "é@example.com",
        "a@bücher.example",
        "=?utf-8?q?x?=@example.com",
        '"a\x7f"@b',
        "a@[",
        "?@[\t",
        "x" * 254 + "@b",
    ],
)
def test_anything_else_is_not_a_sender(value: str) -> None:
    with pytest.raises(ValueError, match=r"one address such as alerts@example\.com"):
        values.sender(value)


@given(st.text() | st.text(st.sampled_from('ab@.,:;<>()[]\\" \t\r\n=?é')))
@example('"a"b@c')
def test_any_text_is_a_sender_of_one_printable_ascii_address_or_refused(value: str) -> None:
    try:
        sender = values.sender(value)
    except ValueError:
        return
    assert sender == value
    assert sender.isascii()
    assert sender.isprintable()


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        ("", ()),
        (" , ", ()),
        ("me@example.com", ("me@example.com",)),
        ("Me@Example.com, @EXAMPLE.org,", ("me@example.com", "@example.org")),
    ],
)
def test_recipients_are_addresses_and_domains_in_lower_case(value: str, entries: tuple[str, ...]) -> None:
    assert values.recipients(value) == entries


@pytest.mark.parametrize(
    "value",
    [
        "example.com",
        "me@",
        "@",
        "a@b@c",
        "me@example.com;you@example.com",
        "é@example.com",
        "a@b\n@c",
        "me@example.com, you @example.com",
        "me@ example.com",
        "@example.com @example",
        "m e@example.com",
    ],
)
def test_anything_else_is_not_a_recipient(value: str) -> None:
    with pytest.raises(ValueError, match="addresses and @domains separated by commas"):
        values.recipients(value)


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ("", ()),
        ("root=me@example.com", (("root", "me@example.com"),)),
        (" Root = me+a=b@example.com , *=You@example.org,", (("root", "me+a=b@example.com"), ("*", "You@example.org"))),
    ],
)
def test_aliases_are_local_names_and_whose_they_are(value: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert values.aliases(value) == pairs


@pytest.mark.parametrize(
    "value", ["root", "=a@b", "root=", "root=me", "root=a@b c@d", "a b=a@b", "root@x=a@b", "a=a@é", "root=a@b;x=a@b"]
)
def test_anything_else_is_no_alias(value: str) -> None:
    with pytest.raises(ValueError, match="NAME=ADDRESS separated by commas"):
        values.aliases(value)


def test_a_local_name_is_one_person_s() -> None:
    with pytest.raises(ValueError, match="each name once"):
        values.aliases("root=a@b,ROOT=c@d")


@pytest.mark.parametrize("value", ["me", "me@example.com", "abcd efgh", "~!@#$%^&*()", ""])
def test_a_login_is_printable_ascii(value: str) -> None:
    assert values.ascii_text(value) == value
    assert values.password(value) == Secret(value)


@pytest.mark.parametrize("value", ["café", "caf\udce9", "a\0b", "a\r\nb", "a\tb", "a\x7f", "a\u00a0b"])
def test_a_login_that_smtp_cannot_carry_is_refused(value: str) -> None:
    for parse in (values.ascii_text, values.password):
        assert refusal(ValueError, parse, value) == "printable ASCII characters"


@pytest.mark.parametrize(("value", "seconds"), [("30d", 30 * 86400.0), ("1ms", 0.001), ("off", None), ("Off", None)])
def test_some_durations_can_be_switched_off(value: str, seconds: float | None) -> None:
    assert values.optional_duration(value) == seconds


@pytest.mark.parametrize("value", ["", "0s", "on", "0", "none", "366d", " off"])
def test_anything_else_is_neither_a_duration_nor_off(value: str) -> None:
    said = refusal(ValueError, values.optional_duration, value)
    assert said.startswith("a duration ")
    assert said.endswith(", or off")


_PARSERS = [
    (values.aliases, "NAME=ADDRESS"),
    (values.ascii_text, "printable ASCII characters"),
    (values.boolean, "true or false"),
    (values.choice("text", "json"), "text or json"),
    (values.duration, "a duration"),
    (values.durations, "durations"),
    (values.endpoint, "port"),
    (values.integer(0, 10), "a whole number"),
    (values.line, "one line"),
    (values.optional_duration, ", or off"),
    (values.password, "printable ASCII characters"),
    (values.path, "a file's path"),
    (values.positive_duration, "a duration"),
    (values.rate, "a rate"),
    (values.recipients, "addresses and @domains"),
    (values.sender, "one address"),
    (values.text, "a text"),
]


@pytest.mark.parametrize(("parse", "allowed"), _PARSERS)
@given(value=st.text() | st.from_regex(r"\A\d{1,400}(ms|s|m|h|d|/s|/d|)\Z"))
def test_a_parser_takes_any_text_or_says_in_one_line_what_is_allowed(
    parse: Callable[[str], Any], allowed: str, value: str
) -> None:
    said = refusal(ValueError, parse, value)
    assert not said or allowed in said
    assert said.isprintable()
