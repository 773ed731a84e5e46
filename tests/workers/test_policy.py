"""Whose fault an answer of the relay is, and when a mail is tried again."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import BusyError, DeliveryError, RefusedError, RelayError
from workers.policy import JITTER, MOST_RETRY_AFTER_S, Stage, judge, lost, next_wait_s

_MINUTES = (60.0, 300.0, 900.0)


@pytest.mark.parametrize(
    ("stage", "code", "reply", "fault"),
    [
        # Before the first mail it is never the mail: the greeting, EHLO, STARTTLS, the login.
        (Stage.HELLO, 554, "5.3.2 No service for you", RelayError),
        (Stage.HELLO, 554, "No service", RelayError),
        (Stage.HELLO, 450, "4.3.2 Not now", RelayError),
        (Stage.HELLO, 454, "4.7.0 TLS not available", RelayError),
        (Stage.HELLO, 535, "5.7.8 Bad credentials", RelayError),
        (Stage.HELLO, 534, "5.7.9 Application-specific password required", RelayError),
        (Stage.HELLO, 530, "5.7.0 Must issue a STARTTLS command first", RelayError),
        (Stage.HELLO, 454, "4.7.0 Too many login attempts, please try again later.", RelayError),
        (Stage.HELLO, 432, "4.7.12 A password transition is needed", RelayError),
        (Stage.HELLO, 250, "2.0.0 Ok", RelayError),
        # The sender is the same in every mail.
        (Stage.MAIL, 550, "5.7.1 Sender not allowed", RelayError),
        (Stage.MAIL, 553, "5.1.8 Sender's domain unknown", RelayError),
        (Stage.MAIL, 552, "5.2.3 Too large", RelayError),
        (Stage.MAIL, 450, "4.1.8 Sender's domain not found", RelayError),
        (Stage.MAIL, 452, "4.3.1 Insufficient storage", RelayError),
        (Stage.MAIL, 501, "Syntax", RelayError),
        # The login may be asked for late.
        (Stage.MAIL, 530, "5.7.0 Authentication required", RelayError),
        (Stage.DATA, 535, "5.7.8 Session expired", RelayError),
        (Stage.DATA, 534, "5.7.9 Too weak", RelayError),
        # Relays also ask for it where they would not relay to this one recipient: Postfix by 454, others by 530.
        (Stage.RCPT, 454, "4.7.1 <x@example.com>: Relay access denied", BusyError),
        (Stage.RCPT, 530, "5.7.0 Authentication required", BusyError),
        (Stage.RCPT, 530, "Authentication required", BusyError),
        (Stage.RCPT, 538, "5.7.11 Encryption required", BusyError),
        (Stage.RCPT, 535, "5.7.8 Session expired", BusyError),
        (Stage.END, 454, "4.7.0 Temporary authentication failure", BusyError),
        (Stage.RCPT, 550, "5.7.8 Bad credentials", BusyError),
        (Stage.RCPT, 550, "5.7.9 Too weak", BusyError),
        (Stage.RCPT, 550, "5.7.14 Please log in by your browser", BusyError),
        # Quotas: the enhanced code counts for more than the digit.
        (Stage.RCPT, 550, "5.4.5 Daily user sending limit exceeded", BusyError),
        (Stage.DATA, 550, "5.4.5 Daily user sending limit exceeded", RelayError),
        (Stage.END, 550, "5.4.5 Daily user sending limit exceeded", RelayError),
        (Stage.RCPT, 452, "4.5.3 Too many recipients", BusyError),
        (Stage.RCPT, 450, "4.2.1 The user receives mail at too high a rate", BusyError),
        # Of another length only by chance.
        (Stage.RCPT, 550, "5.4.50 Something else", RefusedError),
        (Stage.RCPT, 550, "5.7.80 Something else", RefusedError),
        # The recipient.
        (Stage.RCPT, 450, "4.7.1 Greylisted", BusyError),
        (Stage.RCPT, 451, "4.7.1 Greylisted", BusyError),
        (Stage.RCPT, 451, "Greylisted", BusyError),
        (Stage.RCPT, 452, "4.2.2 Mailbox full", BusyError),
        (Stage.RCPT, 550, "5.1.1 No such user", RefusedError),
        (Stage.RCPT, 550, "No such user", RefusedError),
        (Stage.RCPT, 550, "5.2.1 Mailbox disabled", RefusedError),
        (Stage.RCPT, 550, "5.7.1 Relaying denied", RefusedError),
        (Stage.RCPT, 551, "5.7.1 User not local", RefusedError),
        (Stage.RCPT, 553, "5.1.3 Bad address", RefusedError),
        (Stage.RCPT, 554, "5.7.1 Rejected", RefusedError),
        (Stage.RCPT, 556, "5.1.10 The domain takes no mail", RefusedError),
        # The mail.
        (Stage.DATA, 451, "4.3.0 Try later", BusyError),
        (Stage.DATA, 554, "5.5.1 No valid recipients", RefusedError),
        (Stage.DATA, 503, "Bad sequence", RefusedError),
        (Stage.END, 451, "4.3.0 Queue file write error", BusyError),
        (Stage.END, 452, "4.3.1 Insufficient storage", BusyError),
        (Stage.END, 554, "5.7.1 Spam", RefusedError),
        (Stage.END, 550, "5.6.0 Malformed", RefusedError),
        # RFC 5321, section 4.5.3.1.10: a bare 552 is a 452; one that says what it means is taken at its word.
        (Stage.RCPT, 552, "Too many recipients", BusyError),
        (Stage.END, 552, "Storage allocation exceeded", BusyError),
        (Stage.RCPT, 552, "5.2.2 Mailbox full", RefusedError),
        (Stage.END, 552, "5.3.4 Message too big", RefusedError),
        # Codes that contradict each other: unsure means temporary.
        (Stage.RCPT, 550, "4.2.1 Mailbox busy", BusyError),
        (Stage.END, 554, "4.7.1 Try again later", BusyError),
        (Stage.RCPT, 450, "5.1.1 No such user", BusyError),
        (Stage.END, 550, "2.0.0 Ok", BusyError),
        # The connection ends, whatever was being said.
        (Stage.HELLO, 421, "4.7.0 Try again later, closing connection", RelayError),
        (Stage.MAIL, 421, "4.3.2 Closing", RelayError),
        (Stage.RCPT, 421, "4.3.2 Closing", BusyError),
        (Stage.DATA, 421, "4.3.2 Closing", BusyError),
        (Stage.END, 421, "4.3.2 Closing", BusyError),
        # No answers at all.
        (Stage.RCPT, 252, "Cannot say", BusyError),
        (Stage.DATA, 250, "Ok", BusyError),
        (Stage.END, 354, "Go ahead", BusyError),
        (Stage.END, 600, "", BusyError),
        (Stage.RCPT, 499, "", BusyError),
        (Stage.RCPT, -1, "", BusyError),
        (Stage.RCPT, 0, "", BusyError),
    ],
)
def test_an_answer_is_somebody_s_fault(stage: Stage, code: int, reply: str, fault: type[DeliveryError]) -> None:
    error = judge(stage, code, reply)
    assert type(error) is fault
    assert (error.code, error.reply) == (code, reply)
    # Only a 421 takes the connection with it.
    assert error.gone is (code == 421)


@given(st.sampled_from(Stage), st.integers(-1, 999), st.sampled_from(["", "2.0.0 ", "4.2.0 ", "5.1.1 ", "5.1.1"]))
def test_a_mail_fails_for_good_only_by_a_500_about_it(stage: Stage, code: int, enhanced: str) -> None:
    refused = isinstance(judge(stage, code, enhanced), RefusedError)
    about_it = stage in (Stage.RCPT, Stage.DATA, Stage.END) and code not in (530, 534, 535, 538)
    meant = 500 <= code <= 599 and enhanced[:1] in ("", "5") and (code != 552 or enhanced != "")
    assert refused is (about_it and meant)


def test_an_enhanced_code_is_one_only_at_the_beginning() -> None:
    assert type(judge(Stage.RCPT, 550, "No such user (4.2.1 busy)")) is RefusedError
    assert type(judge(Stage.RCPT, 550, "No route, see 5.4.5")) is RefusedError


@pytest.mark.parametrize("stage", [Stage.HELLO, Stage.MAIL])
def test_a_connection_that_is_lost_before_the_recipient_is_the_relay_s_fault(stage: Stage) -> None:
    error = lost(stage, "timed out")
    assert type(error) is RelayError
    assert (error.code, error.reply) == (None, f"no answer to {stage}: timed out")
    assert error.gone


@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.DATA])
def test_a_connection_that_is_lost_from_the_recipient_on_may_be_the_mail_s_fault(stage: Stage) -> None:
    error = lost(stage, "timed out")
    assert type(error) is BusyError
    assert (error.code, error.reply) == (None, f"no answer to {stage}: timed out")
    assert error.gone


def test_a_connection_that_is_lost_at_the_end_may_have_carried_the_mail() -> None:
    error = lost(Stage.END, "timed out")
    assert type(error) is BusyError
    assert error.reply == "no answer to the end of the mail, the relay may have it: timed out"
    # Another connection would make two mails of it.
    assert not error.gone


def test_an_error_says_the_code_and_the_words() -> None:
    assert str(RefusedError("no such user", 550)) == "550 no such user"
    assert str(RelayError("timed out")) == "timed out"


@pytest.mark.parametrize(
    ("reply", "asked_s"),
    [
        ("4.7.1 Greylisted, try again in 5 minutes", 300),
        ("4.7.1 Greylisted, please try again in 1 minute.", 60),
        ("4.7.1 Greylisted, TRY AGAIN IN 10 MIN", 600),
        ("4.7.1 Greylisted, retry in 300 seconds", 300),
        ("4.7.1 Greylisted: please wait 90 sec", 90),
        ("4.7.1 Greylisted: please wait 90s and retry", 90),
        ("4.3.2 Busy, retry after 2 hours", 7200),
        ("4.3.2 Busy, try later, in 2h", 7200),
        ("4.7.1 Greylisted, try again in 5m", 300),
        ("4.7.1 Greylisted, try again in 2 hrs", 7200),
        ("4.7.1 Greylisted, try again in 1 day", 86_400),
        ("4.7.1 Greylisting in action, please come back in 00:04:59", 299),
        ("4.7.1 Greylisting in action, please come back in 01:00:00", 3600),
        ("4.2.0 <me@example.com>: Recipient address rejected: Greylisted for 300 seconds (see the page)", 300),
        ("4.2.0 Greylisted for 5 minutes", 300),
        ("4.2.0 Graylisting for 5 min.", 300),
        ("4.3.2 Busy, try again in 999999 hours", MOST_RETRY_AFTER_S),
        ("4.3.2 Busy, try again in 999:00:00", MOST_RETRY_AFTER_S),
        ("4.3.2 Busy, try again at 12:30:00", None),
        ("4.3.2 Busy, try again by mx2.example.com", None),
        ("4.2.0 Greylisted 5 minutes ago", None),
        ("4.3.2 Busy, try again later", None),
        ("4.3.2 Busy, try again in a few minutes", None),
        ("4.3.2 Busy for 5 minutes", None),
        ("4.3.2 country code 5 minutes", None),
        ("4.3.2 try 3 servers", None),
        ("", None),
    ],
)
def test_a_relay_may_ask_to_be_tried_again_at_a_time(reply: str, asked_s: float | None) -> None:
    error = judge(Stage.RCPT, 451, reply)
    assert isinstance(error, BusyError)
    assert error.retry_after_s == asked_s


@pytest.mark.parametrize(("attempts", "wait_s"), [(1, 60.0), (2, 300.0), (3, 900.0)])
def test_after_each_attempt_the_next_wait_of_the_schedule_follows(attempts: int, wait_s: float) -> None:
    for _ in range(100):
        waited = next_wait_s(_MINUTES, attempts)
        assert waited is not None
        assert wait_s * (1 - JITTER) <= waited <= wait_s * (1 + JITTER)


@pytest.mark.parametrize("asked_s", [None, 1.0, 3600.0])
@pytest.mark.parametrize("attempts", [4, 5, 100])
def test_after_the_last_wait_a_mail_is_given_up(attempts: int, asked_s: float | None) -> None:
    assert next_wait_s(_MINUTES, attempts, asked_s) is None


@given(st.floats(0, 1e8), st.integers())
def test_a_wait_is_stretched_or_shortened_by_a_fifth_at_the_most(wait_s: float, seed: int) -> None:
    random.seed(seed)
    waited = next_wait_s([wait_s], 1)
    assert waited is not None
    assert wait_s * 0.8 <= waited <= wait_s * 1.2


@given(st.floats(0, MOST_RETRY_AFTER_S), st.integers(1, 3), st.integers())
def test_a_relay_is_never_tried_earlier_than_it_asked_for(asked_s: float, attempts: int, seed: int) -> None:
    random.seed(seed)
    waited = next_wait_s(_MINUTES, attempts, asked_s)
    assert waited is not None
    step = _MINUTES[attempts - 1]
    assert max(asked_s, step * 0.8) <= waited <= max(asked_s * 1.2, step * 1.2)


@pytest.mark.parametrize(("asked_s", "least", "most"), [(None, 80, 120), (100.0, 100, 120)])
def test_mails_that_failed_together_do_not_come_back_together(asked_s: float | None, least: int, most: int) -> None:
    random.seed(1)
    waits = [next_wait_s([100.0], 1, asked_s) or 0 for _ in range(1000)]
    assert len(set(waits)) > 990
    assert least <= min(waits) < least + 2
    assert most - 2 < max(waits) <= most
