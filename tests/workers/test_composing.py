"""Nothing reaches the outbox that could not be composed: what the door lets through becomes a clean message.

Texts come back as they were sent, with this and no other change: CRLF, CR and LF are all ends of lines and come back
as CRLF, and the last line has an end even if it had none. Subjects and addresses come back exactly.
"""

import email
import re
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from config import values
from messaging.addresses import parse_recipient
from messaging.draft import check_subject, check_text
from messaging.errors import InvalidError
from messaging.outbox.ids import new_id
from messaging.outbox.records import Mail
from messaging.outbox.states import State
from tests.fixtures.clock import NOON_MS
from tests.fixtures.refusals import refusal
from workers.composing import compose

_ID = new_id(NOON_MS)

#: All the header fields there are, each once: none is the caller's.
_FIELDS = [
    "Auto-Submitted",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "From",
    "MIME-Version",
    "Message-ID",
    "Subject",
    "To",
]

_SCRIPTS = [
    "a",
    "é",
    "e\u0301",
    "😀",
    "👩\u200d💻",
    "\U0001fae9",
    "שלום",
    "\u202eabc\u202c",
    "\u00a0",
    "\u202f",
    "\ufeff",
]
_SYNTAX = [" ", "  ", "=", "_", "?", "=20", "?=", "utf-8?q?", '"', "\\", "<x@y>", "(", ",", ":", ";", "Bcc: x@y", "--"]
_LINE_STARTS = ["From ", ">From ", ".", ".."]
_WORDS = ["x" * 60, "x" * 76, "x" * 100, "é" * 40, "😀" * 40, "word " * 20, "wörd " * 20]
_LINE_ENDS = ["\n", "\r", "\r\n", "\n\n", "\n.\n", "\r.\r", "\r\n.\r\n", "\n..\n", "\nFrom me\n", " \n", "\t\n"]
_CONTROLS = ["\x0b", "\x0c", "\x1a", "\x1c", "\x1d", "\x1e", "\x7f", "\x85", "\u2028", "\u2029", "\t", "\x01"]
_LONG_LINES = ["x" * 997, "x" * 998, "x" * 999, "x" * 5000, "é" * 999, "x " * 2000]

_LINE = st.sampled_from([*_SCRIPTS, *_SYNTAX, *_LINE_STARTS, *_WORDS])
_NOT_IN_A_LINE = st.sampled_from([*_LINE_ENDS, *_CONTROLS, *_LONG_LINES])
_SUBJECTS = (
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))) | st.lists(_LINE).map("".join) | st.text()
)
_TEXTS = st.text() | st.lists(_LINE | _NOT_IN_A_LINE | st.text(max_size=5)).map("".join)
_RECIPIENTS = st.emails() | st.builds(
    "{}@{}.{}".format,
    st.text(st.sampled_from("abcXYZ019.+-_!#$%&'*/=?^`{|}~"), min_size=1, max_size=64),
    st.text(st.sampled_from("abcXYZ019-.éßж例"), min_size=1, max_size=150),
    st.sampled_from(["com", "co.uk", "de", "рф"]),
)


def _mail(
    recipient: str = "me@example.com",
    subject: str = "A subject",
    text: str = "A text.",
    sender: str = "messaging@localhost",
) -> Mail:
    return Mail(_ID, State.SENDING, NOON_MS, 1, NOON_MS, None, sender, recipient, subject, text)


def _parsed(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, _class=EmailMessage, policy=policy.default)


def _fields(content: bytes) -> list[str]:
    """The names of the header fields, found without a parser of mail."""
    header = content.partition(b"\r\n\r\n")[0]
    return sorted(line.partition(b":")[0].decode() for line in header.split(b"\r\n") if line[:1] not in (b" ", b"\t"))


def _as_sent(text: str) -> str:
    whole = re.sub("\r\n|\r|\n", "\r\n", text)
    return whole if whole.endswith("\r\n") else whole + "\r\n"


def _check(mail: Mail) -> None:
    composed = compose(mail)
    _check_bytes(composed.content)
    message = _parsed(composed.content)
    assert _fields(composed.content) == sorted(message.keys()) == _FIELDS
    assert [part.defects for part in message.walk()] == [[]]
    assert [defect for value in message.values() for defect in value.defects] == []
    assert message["Subject"] == mail.subject
    assert message.get_content() == _as_sent(mail.text)
    for name, address in (("To", composed.recipient), ("From", composed.sender)):
        assert [each.addr_spec for each in message[name].addresses] == [address]
    assert (composed.recipient, composed.sender) == (mail.recipient, mail.sender)
    assert compose(mail) == composed


def _check_bytes(content: bytes) -> None:
    """What every relay can take: seven bits, lines of up to 998 of them (RFC 5321, section 4.5.3.1.6) ended by CRLF."""
    assert content.isascii()
    assert b"\0" not in content
    assert content.endswith(b"\r\n")
    lines = content.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert max(map(len, lines)) <= 998


@settings(max_examples=200)
@given(_SUBJECTS)
@example(" leading and trailing ")
@example("two  spaces é  between  words ü")
@example("a" * 76 + " é")
@example("wörd " * 100)
@example("a é " * 125)
@example("x" * 500)
@example("😀" * 500)
def test_every_subject_that_is_let_through_comes_back_as_it_is(subject: str) -> None:
    if not refusal(InvalidError, check_subject, subject):
        _check(_mail(subject=subject))


@settings(max_examples=200)
@given(_TEXTS)
@example("")
@example("\r")
@example("\n\r\n\r")
@example("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
@example("é\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
@example(".\r\n..\r\n.")
@example("é\rFrom me\r.\r")
def test_every_text_that_is_let_through_comes_back_with_its_line_ends_made_crlf(text: str) -> None:
    if not refusal(InvalidError, check_text, text):
        _check(_mail(text=text))


@given(_RECIPIENTS)
@example("a" * 64 + "@" + ".".join(["b" * 61] * 3) + ".com")
@example("?=utf-8?q?x?=@example.com")
def test_every_address_that_is_let_through_is_the_only_one_in_the_message(text: str) -> None:
    if not refusal(InvalidError, parse_recipient, text, "to"):
        _check(_mail(recipient=parse_recipient(text, "to")))


@given(recipient=_RECIPIENTS, subject=_SUBJECTS, text=_TEXTS)
def test_so_is_every_mail_of_all_three(recipient: str, subject: str, text: str) -> None:
    refused = refusal(InvalidError, check_subject, subject) or refusal(InvalidError, check_text, text)
    if not refused and not refusal(InvalidError, parse_recipient, recipient, "to"):
        _check(_mail(parse_recipient(recipient, "to"), subject, text))


@given(subject=_SUBJECTS, text=_TEXTS, sender=st.emails() | st.text(st.sampled_from("ab@.[]1\"' +"), max_size=12))
@example(subject="x" * 500, text="", sender='"a b"@example.com')
@example(subject="", text="", sender="a@[127.0.0.1]")
@example(subject="", text="", sender="messaging@" + ".".join(["subdomain"] * 20))
def test_what_the_operator_may_set_composes_too(subject: str, text: str, sender: str) -> None:
    parsers: list[tuple[Callable[[str], str], str]] = [
        (values.line, subject),
        (values.text, text),
        (values.sender, sender),
    ]
    if not any(refusal(ValueError, parse, value) for parse, value in parsers):
        _check(_mail(subject=subject, text=text, sender=sender))


@pytest.mark.parametrize(
    "subject",
    [
        # CVE-2024-6923: Python 3.11 before 3.11.10 writes a real header field for what these words decode to.
        "=?utf-8?q?a=0d=0aBcc=3A_x=40y?=",
        "=?utf-8?b?YQ0KQmNjOiB4QHk=?=",
        "a\r\nBcc: x@y",
        "a\nBcc: x@y",
        "a\rBcc: x@y",
        "a\r\n\r\nbody",
        "a\x0bBcc: x@y",
        "a\u2028Bcc: x@y",
        "a\x85Bcc: x@y",
    ],
)
def test_no_subject_makes_a_header_field_even_if_nobody_checked_it(subject: str) -> None:
    assert refusal(InvalidError, check_subject, subject)
    content = compose(_mail(subject=subject)).content
    assert _fields(content) == _FIELDS
    assert _parsed(content)["Bcc"] is None
    _check_bytes(content)


@pytest.mark.parametrize("subject", ["=?utf-8?q?a=0d=0aBcc=3A_x=40y?=", "=?utf-8?q?x?=", "a =?utf-8?b?eA==?= b"])
def test_an_encoded_word_that_nobody_checked_is_not_decoded(subject: str) -> None:
    assert _parsed(compose(_mail(subject=subject)).content)["Subject"] == subject


@given(st.text())
def test_no_unchecked_subject_at_all_makes_a_header_field(subject: str) -> None:
    content = compose(_mail(subject=subject)).content
    assert _fields(content) == _FIELDS
    _check_bytes(content)


@pytest.mark.parametrize(
    "text",
    [
        # cpython #152519: the header's reader decodes the word and finds a second recipient.
        "=?utf-8?q?victim=40evil.example=2C?=user@example.com",
        # CVE-2023-27043: the lenient parser reads another address than the strict one.
        "alice@example.org<bob@evil.example>",
        "alice@example.org, bob@evil.example",
        "alice@example.org\r\nBcc: bob@evil.example",
        # cpython #122476: an address outside ASCII is written as one that nobody can deliver to.
        "josé@example.com",
    ],
)
def test_no_recipient_becomes_another_one(text: str) -> None:
    assert refusal(InvalidError, parse_recipient, text, "to")
    assert refusal(ValueError, values.sender, text)


def test_message_id_and_date_are_those_of_the_row() -> None:
    message = _parsed(compose(_mail(sender="alerts@example.com")).content)
    assert message["Message-ID"] == f"<{_ID}@example.com>"
    assert parsedate_to_datetime(message["Date"]).timestamp() == NOON_MS // 1000


def test_nobody_answers_it_automatically() -> None:
    assert _parsed(compose(_mail()).content)["Auto-Submitted"] == "auto-generated"


def test_a_text_is_plain_utf_8() -> None:
    message = _parsed(compose(_mail(text="é")).content)
    assert message.get_content_type() == "text/plain"
    assert message.get_content_charset() == "utf-8"


def test_ascii_stays_readable() -> None:
    content = compose(_mail(subject="Backup done: 42 GB, 3 min", text="All fine.\n.\nFrom cron")).content
    assert content.startswith(b"Subject: Backup done: 42 GB, 3 min\r\n")
    assert content.endswith(b"\r\n\r\nAll fine.\r\n.\r\nFrom cron\r\n")
