"""Whatever a program hands over as a message, a mail that can be sent comes of it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.cli.classic import addresses, read_message, until_dot
from messaging.greeting import Greeting, Names
from messaging.submission import submission

#: What messages are made of, and what goes wrong in them.
_PIECES = st.sampled_from(
    [
        b"\n",
        b"\r\n",
        b"From me Sat\n",
        b"Subject: ",
        b"To: ",
        b"Bcc: a@example.com\n",
        b"Reply-To: ",
        b"=?utf-8?q?=FF?=",
        b"=?x?b?!?=",
        b"=?",
        b"MIME-Version: 1.0\n",
        b"Content-Type: multipart/mixed; boundary=b\n",
        b"\n--b\n",
        b"\n--b--\n",
        b"Content-Type: text/plain; charset=utf-7\n",
        b"Content-Type: text/html; charset=nonsense\n",
        b"Content-Type: message/rfc822\n",
        b'Content-Type: x/y; name="../../a\x00b"\n',
        b"Content-Type: /\n",
        b"Content-Disposition: attachment; filename*=utf-8''%2e%2e%2f%0a%ff\n",
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Transfer-Encoding: quoted-printable\n",
        b"me@example.com",
        b"\xff\xfe",
        b"\0",
        b"+2AA-",
        b"x" * 600,
        b" ",
    ]
)


@given(st.one_of(st.lists(_PIECES, max_size=25).map(b"".join), st.binary(max_size=200)))
@example(b"Subject: \xe2\x80\xa8a\x1b[2J\n b\n\n+2AA-")
@example(b"Content-Type: text/plain; charset=utf-7\n\n+2AA-")
@example(b'Content-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: a/b; name=".. "\n\n\n--b--\n')
def test_whatever_a_program_hands_over_can_be_sent(message: bytes) -> None:
    classic = read_message(message)
    wanted = submission({**classic.mail, "to": "me@example.com"}, Names("to"))
    subject, text = wanted.texts["subject"], wanted.texts["text"]
    draft = Greeting("", "").draft("me@example.com", subject, text, wanted.extras, Names("to"))
    assert draft.subject == subject
    assert all(isinstance(each, str) and each for each in classic.recipients)


def test_a_message_without_a_header_is_its_text() -> None:
    assert read_message(b"\n\njust words\n").mail == {"subject": "(no subject)", "text": "just words\n"}


def test_a_long_subject_is_cut_and_what_looks_encoded_is_not() -> None:
    assert read_message(b"Subject: " + b"a" * 600 + b"\n\n").mail["subject"] == "a" * 499 + "…"
    assert read_message(b"Subject: a=?b\n\n").mail["subject"] == "a= ?b"


def test_header_fields_in_utf_8_are_read_as_that() -> None:
    assert read_message("Subject: Größe\n\n".encode()).mail["subject"] == "Größe"


@pytest.mark.parametrize("charset", ["ANSI_X3.4-1968", "US-ASCII", "ascii"])
def test_what_is_labelled_ascii_may_be_utf_8(charset: str) -> None:
    head = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n"
    assert read_message(f"{head}Größe: 42 GB\n".encode()).mail["text"] == "Größe: 42 GB\n"


def test_a_dot_is_the_end_only_on_a_line_of_its_own() -> None:
    assert until_dot(b"a.\n.b\n.\nc\n.\n") == b"a.\n.b\n"
    assert until_dot(b"a\r\n.\r\nb") == b"a\r\n"
    assert until_dot(b".") == b""
    assert until_dot(b"a\n") == b"a\n"


def test_addresses_are_told_from_names_and_remarks() -> None:
    texts = ["root, Me <me@example.com>", "you@example.com (You, there)", "undisclosed-recipients:;", "me@example.com"]
    assert addresses(texts) == ["root", "me@example.com", "you@example.com"]


def test_an_address_for_answers_that_is_none_is_left_out() -> None:
    assert "reply_to" not in read_message(b"Reply-To: root\n\n").mail
    assert read_message(b"Reply-To: Me <me@example.com>\n\n").mail["reply_to"] == "me@example.com"
