"""What the relay's conversations say about each mail."""

import pytest

from tests.drills.transcript import answered_at, interrupted, maybe_taken, refused, tried_at, under_way, words_on
from tests.servers.script import Conversation

HELLO = ["S: 220 scripted.test", "C: EHLO me", "S: 250-scripted.test", "S: 250 HELP"]
TAKEN = [
    "C: MAIL FROM:<us@example.com>",
    "S: 250 OK",
    "C: RCPT TO:<taken@example.com>",
    "S: 250 OK",
    "C: DATA",
    "S: 354 End data with <CR><LF>.<CR><LF>",
    "S: 250 2.0.0 Ok: queued",
]
UNKNOWN = [
    "C: MAIL FROM:<us@example.com>",
    "S: 250 OK",
    "C: RCPT TO:<unknown@example.com>",
    "S: 550 5.1.1 no such user",
    "C: DATA",
    "S: 503 5.5.1 need RCPT",
    "C: RSET",
    "S: 250 OK",
]
LATER = [*TAKEN[:2], "C: RCPT TO:<later@example.com>", *TAKEN[3:-1], "S: 451 4.3.0 try later"]


def test_each_mail_has_the_relay_s_last_word() -> None:
    conversation = Conversation([*HELLO, *TAKEN, *UNKNOWN, *LATER])
    assert dict(words_on(conversation)) == {
        "taken@example.com": "250 2.0.0 Ok: queued",
        "unknown@example.com": "550 5.1.1 no such user",
        "later@example.com": "451 4.3.0 try later",
    }
    assert refused([conversation]) == {"unknown@example.com"}
    assert interrupted([conversation]) == set()
    assert maybe_taken([conversation]) == {"taken@example.com"}


@pytest.mark.parametrize("lines", range(3, len(TAKEN)))
def test_one_whose_connection_ends_before_the_last_word_was_interrupted(lines: int) -> None:
    conversation = Conversation([*HELLO, *UNKNOWN, *TAKEN[:lines]])
    assert (under_way([conversation]), interrupted([conversation])) == (1, set())
    assert maybe_taken([conversation]) == {"taken@example.com"}
    conversation.open = False
    assert (under_way([conversation]), interrupted([conversation])) == (0, {"taken@example.com"})
    assert maybe_taken([conversation]) == {"taken@example.com"}


@pytest.mark.parametrize("ended", [[], HELLO, [*HELLO, *TAKEN[:2], "S: 421 closing"], [*HELLO, *TAKEN, "C: QUIT"]])
def test_between_mails_nothing_is_interrupted(ended: list[str]) -> None:
    assert interrupted([Conversation(ended, open=False)]) == set()


def test_the_times_of_all_tries_of_a_mail_are_known_over_all_conversations() -> None:
    later = Conversation([*HELLO, *LATER], times=[20.0 + number for number in range(len(HELLO + LATER))])
    again = Conversation([*TAKEN, *LATER], times=[10.0 + number for number in range(len(TAKEN + LATER))])
    assert tried_at([later, again]) == {"taken@example.com": [12.0], "later@example.com": [19.0, 26.0]}


def test_answers_are_found_by_their_code() -> None:
    once = [*HELLO, *UNKNOWN]
    conversation = Conversation(once * 2, times=[10.0 + number for number in range(2 * len(once))])
    assert answered_at([conversation], 550) == [17.0, 29.0]
