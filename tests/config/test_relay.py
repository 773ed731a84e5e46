"""`SMTP_URL`, parsed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.relay import ALLOWED, Maildir, Relay, SmtpRelay, parse_relay
from config.secret import Secret
from tests.fixtures.refusals import refusal


@pytest.mark.parametrize(
    ("value", "relay"),
    [
        ("maildir:var/mailbox", Maildir(Path("var/mailbox"))),
        ("maildir:/srv/a b", Maildir(Path("/srv/a b"))),
        ("smtp://relay.example.com", SmtpRelay("relay.example.com", 587, "starttls")),
        ("smtp://relay.example.com/", SmtpRelay("relay.example.com", 587, "starttls")),
        ("smtp://relay.example.com:2525", SmtpRelay("relay.example.com", 2525, "starttls")),
        ("smtp://127.0.0.1:25?tls=none", SmtpRelay("127.0.0.1", 25, "none")),
        ("smtp://[::1]:25?tls=none", SmtpRelay("::1", 25, "none")),
        ("smtps://relay.example.com", SmtpRelay("relay.example.com", 465, "implicit")),
        ("SMTPS://relay.example.com:4650", SmtpRelay("relay.example.com", 4650, "implicit")),
        ("smtps://me:pw@relay.example.com", SmtpRelay("relay.example.com", 465, "implicit", "me", Secret("pw"))),
        (
            "smtp://me@example.com:pw@r.example.com",
            SmtpRelay("r.example.com", 587, "starttls", "me@example.com", Secret("pw")),
        ),
        ("smtp://m%40e:p%2Fw%3A@r.example.com", SmtpRelay("r.example.com", 587, "starttls", "m@e", Secret("p/w:"))),
    ],
)
def test_a_url_says_where_mail_goes_and_how(value: str, relay: Relay) -> None:
    assert parse_relay(value) == relay


@pytest.mark.parametrize(
    "value",
    [
        "",
        "relay.example.com",
        "http://relay.example.com",
        "maildir:",
        "maildir:a\0b",
        "smtp://",
        "smtp://:25",
        "smtp://host:port",
        "smtp://host:0",
        "smtp://ho st",
        "smtp://host:65536",
        "smtp://host/path",
        "smtp://host#fragment",
        "smtp://me@host",
        "smtp://me:@host",
        "smtp://:pw@host",
        "smtp://m%C3%A9:pw@host",
        "smtp://me:p%C3%B6@host",
        "smtp://host?tls=starttls",
        "smtp://host?tls",
        "smtp://host?TLS=none",
        "smtp://host?tls=none&timeout=5",
        "smtps://host?tls=none",
        "smtp://[::1",
    ],
)
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"^maildir:PATH, smtp://") as caught:
        parse_relay(value)
    assert str(caught.value) == ALLOWED


def test_plain_text_is_spoken_only_where_it_was_asked_for() -> None:
    relays = [
        parse_relay(f"{scheme}://host{query}") for scheme, query in (("smtp", ""), ("smtps", ""), ("smtp", "?tls="))
    ]
    assert [relay.tls for relay in relays if isinstance(relay, SmtpRelay)] == ["starttls", "implicit", "starttls"]


def test_a_relay_is_shown_without_its_login() -> None:
    relay = parse_relay("smtps://me:hunter2@relay.example.com")
    assert str(relay) == "relay.example.com:465 (TLS)"
    assert "hunter2" not in repr(relay)
    assert str(parse_relay("smtp://host:25?tls=none")) == "host:25 (no TLS)"
    assert str(parse_relay("maildir:var/mailbox")) == "the Maildir var/mailbox"


@given(
    st.text() | st.builds("{}://{}:{}@{}?tls={}".format, st.sampled_from(["smtp", "smtps"]), *[st.text(max_size=8)] * 4)
)
def test_any_text_is_a_relay_or_refused_with_what_is_allowed(value: str) -> None:
    assert refusal(ValueError, parse_relay, value) in ("", ALLOWED)
