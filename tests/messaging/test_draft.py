"""A subject and a text that can be composed; tests/workers/test_composing.py composes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.values import MOST_SUBJECT
from messaging.draft import check_subject, check_text
from messaging.errors import InvalidError
from tests.fixtures.refusals import refusal


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "Backup done",
        "  two  spaces  ",
        'a "quoted" <word>, and: more; \\',
        "Déploiement\u00a0: 12\u202f€",
        "👩\u200d💻 שלום می\u200cخواهم",
        "\U0001fae9",
        "x" * MOST_SUBJECT,
        "😀" * MOST_SUBJECT,
        "=",
        "?=",
        "= ?",
    ],
)
def test_a_subject_is_one_line_in_any_script(subject: str) -> None:
    assert check_subject(subject) == subject


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("x" * (MOST_SUBJECT + 1), "at most 500 characters"),
        *(
            (f"a{separator}Bcc: x@y", "one line without control characters")
            for separator in [
                "\r\n",
                "\n",
                "\r",
                "\t",
                "\0",
                "\x0b",
                "\x0c",
                "\x1c",
                "\x1d",
                "\x1e",
                "\x85",
                "\u2028",
                "\u2029",
            ]
        ),
        ("\x7f", "one line without control characters"),
        ("\ud800", "one line without control characters"),
        ("=?utf-8?q?a=0d=0aBcc=3A_x=40y?=", '"=?" begins an encoded word and cannot be used'),
        ("a =?", '"=?" begins an encoded word and cannot be used'),
    ],
)
def test_anything_else_is_refused_with_the_reason(subject: str, reason: str) -> None:
    assert refusal(InvalidError, check_subject, subject) == f"subject: {reason}"


@pytest.mark.parametrize(
    "text", ["", "a\r\nb\rc\nd", "\x01\x0b\x0c\x1a\x7f\x85\u2028\ufeff", ".\n..\nFrom me\n", "😀" * 1000]
)
def test_a_text_is_any_text(text: str) -> None:
    assert check_text(text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\0b", "no NUL characters"),
        ("\ud800", "a lone surrogate is not a character"),
        ("\udc00\ud800", "a lone surrogate"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(text: str, reason: str) -> None:
    assert refusal(InvalidError, check_text, text).startswith(f"text: {reason}")


def test_the_errors_name_the_field_it_stood_in() -> None:
    assert refusal(InvalidError, check_subject, "\n", "title").startswith("title: ")
    assert refusal(InvalidError, check_text, "\0", "message").startswith("message: ")


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_is_taken_as_it_is_or_refused(text: str) -> None:
    for check in (check_subject, check_text):
        said = refusal(InvalidError, check, text)
        assert said.isprintable()
        assert said or check(text) == text
