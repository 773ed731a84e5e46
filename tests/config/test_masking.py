"""No address, key, link or password is left in a text for a log."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.masking import KEY_PREFIX, mask, masked
from messaging.addresses import parse_recipient

KEY = f"{KEY_PREFIX}ZmFrZS1mYWtlLWZha2UtZmFrZS1mYWtlLWZha2UtZmE"


def test_a_masked_address_says_little() -> None:
    assert mask("me@example.com") == "m***@example.com"
    assert mask("m@example.com") == "m***@example.com"


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("550 5.1.1 <me@example.com>: Recipient rejected", "550 5.1.1 <m***@example.com>: Recipient rejected"),
        ("no such user 'me+tag@example.com'", "no such user '***@example.com'"),
        ("to=me@example.com,you@example.org", "t***@example.com,y***@example.org"),
        ('"john smith"@example.com is away', '"***@example.com is away'),
        ("jürgen@bücher.example", "j***@bücher.example"),
        ("me@[192.0.2.1]", "m***@[192.0.2.1]"),
        ("GET /?sendmail=me%40example.com&talktome", "GET /***%40example.com&talktome"),
        ("accepted for m***@example.com", "accepted for m***@example.com"),
        (f"key {KEY}.", f"key {KEY_PREFIX}***."),
        ("/?sendmail=x&key=s3cret&talktome", "/?sendmail=x&key=***&talktome"),
        ("/?link=WyJh.b-_c HTTP/1.1", "/?link=*** HTTP/1.1"),
        ("amqp://guest:hunter2@host:5672/%2F", "amqp://***@host:5672/%2F"),
        ("smtp://me%40example.com:p@ss@host", "smtp://***@host"),
        ("at http://127.0.0.1:8080/healthz", "at http://127.0.0.1:8080/healthz"),
        ("3 @ 4, @domain, @", "3 @ 4, @domain, @"),
        ("mail 0190-7 sent (attempt 1)", "mail 0190-7 sent (attempt 1)"),
    ],
)
def test_what_does_not_belong_in_a_log_is_taken_out_of_a_text(said: str, left: str) -> None:
    assert masked(said) == left


@given(st.text(max_size=30), st.emails(), st.text(max_size=30))
def test_no_address_that_a_mail_can_go_to_gets_through(before: str, address: str, after: str) -> None:
    try:
        recipient = parse_recipient(address, "to")
    except Exception:
        return
    if len(recipient.partition("@")[0]) > 1:
        assert recipient not in masked(f"{before}{recipient}{after}")


@given(st.text())
def test_what_is_masked_stays_as_it_is(text: str) -> None:
    once = masked(text)
    assert masked(once) == once


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", ["a", "a@", "@", '"', "a%40", "://", "://a:", "msg_", "key=", "link=", "%", "a.", "*@a"]
)
def test_a_long_text_takes_no_longer_than_it_is_long(part: str) -> None:
    began = time.process_time()
    masked(part * (1_000_000 // len(part)))
    assert time.process_time() - began < 3
