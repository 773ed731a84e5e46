"""Whose fault an answer of the relay is, and when a mail is tried again."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import BusyError, DeliveryError, RefusedError, RelayError
from workers.policy import JITTER, Stage, jittered_s, judge, lost, next_wait_s

_MINUTES = (60.0, 300.0, 900.0)


@pytest.mark.parametrize(
    ("stage", "code", "fault"),
    [
        # Before the first mail it is never the mail.
        (Stage.HELLO, 554, RelayError),
        (Stage.HELLO, 421, RelayError),
        (Stage.HELLO, 454, RelayError),
        (Stage.HELLO, 535, RelayError),
        (Stage.HELLO, 250, RelayError),
        # The sender is the same in every mail.
        (Stage.MAIL, 550, RelayError),
        (Stage.MAIL, 553, RelayError),
        (Stage.MAIL, 450, BusyError),
        (Stage.MAIL, 452, BusyError),
        (Stage.RCPT, 550, RefusedError),
        (Stage.RCPT, 553, RefusedError),
        (Stage.RCPT, 450, BusyError),
        (Stage.RCPT, 451, BusyError),
        (Stage.RCPT, 452, BusyError),
        (Stage.DATA, 554, RefusedError),
        (Stage.DATA, 451, BusyError),
        (Stage.END, 552, RefusedError),
        (Stage.END, 554, RefusedError),
        (Stage.END, 452, BusyError),
        # The connection ends, whatever was being said.
        (Stage.MAIL, 421, RelayError),
        (Stage.RCPT, 421, RelayError),
        (Stage.DATA, 421, RelayError),
        (Stage.END, 421, RelayError),
        # Unsure means temporary.
        (Stage.RCPT, 252, BusyError),
        (Stage.DATA, 250, BusyError),
        (Stage.END, 354, BusyError),
        (Stage.END, 600, BusyError),
        (Stage.RCPT, -1, BusyError),
        (Stage.RCPT, 0, BusyError),
    ],
)
def test_an_answer_is_somebody_s_fault(stage: Stage, code: int, fault: type[DeliveryError]) -> None:
    error = judge(stage, code, "some words")
    assert type(error) is fault
    assert (error.code, error.reply) == (code, "some words")


@given(st.sampled_from(Stage), st.integers(-1, 999))
def test_a_mail_fails_for_good_only_by_a_500_about_it(stage: Stage, code: int) -> None:
    refused = isinstance(judge(stage, code, ""), RefusedError)
    assert refused is (stage in (Stage.RCPT, Stage.DATA, Stage.END) and 500 <= code <= 599)


@pytest.mark.parametrize("stage", [Stage.HELLO, Stage.MAIL, Stage.RCPT, Stage.DATA])
def test_a_connection_that_is_lost_before_the_end_is_the_relay_s_fault(stage: Stage) -> None:
    error = lost(stage, "timed out")
    assert type(error) is RelayError
    assert (error.code, error.reply) == (None, f"no answer at {stage}: timed out")


def test_a_connection_that_is_lost_at_the_end_may_have_carried_the_mail() -> None:
    error = lost(Stage.END, "timed out")
    assert type(error) is BusyError
    assert error.reply == "no answer at the end of the mail, the relay may have it: timed out"


def test_an_error_says_the_code_and_the_words() -> None:
    assert str(RefusedError("no such user", 550)) == "550 no such user"
    assert str(RelayError("timed out")) == "timed out"


@pytest.mark.parametrize(("attempts", "wait_s"), [(1, 60.0), (2, 300.0), (3, 900.0)])
def test_after_each_attempt_the_next_wait_of_the_schedule_follows(attempts: int, wait_s: float) -> None:
    for _ in range(100):
        waited = next_wait_s(_MINUTES, attempts)
        assert waited is not None
        assert wait_s * (1 - JITTER) <= waited <= wait_s * (1 + JITTER)


@pytest.mark.parametrize("attempts", [4, 5, 100])
def test_after_the_last_wait_a_mail_is_given_up(attempts: int) -> None:
    assert next_wait_s(_MINUTES, attempts) is None


@given(st.floats(0, 1e8), st.integers())
def test_a_wait_is_stretched_or_shortened_by_a_fifth_at_the_most(wait_s: float, seed: int) -> None:
    random.seed(seed)
    assert wait_s * 0.8 <= jittered_s(wait_s) <= wait_s * 1.2


def test_mails_that_failed_together_do_not_come_back_together() -> None:
    random.seed(1)
    waits = [jittered_s(100.0) for _ in range(1000)]
    assert len(set(waits)) > 990
    assert min(waits) < 82
    assert max(waits) > 118
