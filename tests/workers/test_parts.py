"""HTML and attachments: what the door lets through is read back as it was sent, and adds no header field."""

import base64
import email
import re
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.enclosures import parse_extras
from messaging.errors import InvalidError
from messaging.outbox.ids import new_id
from messaging.outbox.records import Attachment, Extras, Mail
from messaging.outbox.states import State
from tests.fixtures.clock import NOON_MS
from workers.composing import compose

_ID = new_id(NOON_MS)

_TEXTS = st.text() | st.lists(st.sampled_from(["a", "é", "😀", "\r", "\n", "--", "=", "x" * 999, "<p>", " "])).map(
    "".join
)
_NAMES = st.text(max_size=200) | st.lists(
    st.sampled_from(["a", "é", "😀", '"', "'", "%", "*", ";", "=", " ", "(", "?", ".pdf", "x" * 40, "日" * 20]),
    max_size=9,
).map("".join)
_TYPES = st.sampled_from(["text/plain", "text/html", "application/pdf", "image/svg+xml", "application/x!#$&^_.+-y"])
_FILES = st.lists(st.tuples(_NAMES, _TYPES, st.binary(max_size=200)), max_size=3)


def mail(text: str = "A text.") -> Mail:
    sender, recipient = "messaging@localhost", "me@example.com"
    return Mail(
        _ID, State.SENDING, NOON_MS, 1, NOON_MS, None, sender, recipient, "A subject", text, test=False, rich=True
    )


def parsed(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, _class=EmailMessage, policy=policy.default)


def as_sent(text: str) -> str:
    whole = re.sub("\r\n|\r|\n", "\r\n", text)
    return whole if whole.endswith("\r\n") else whole + "\r\n"


def body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


@pytest.mark.slow
@given(_TEXTS, st.none() | _TEXTS, st.none() | st.emails(), _FILES)
@example("a", "b", None, [("a" * 200, "a/b", b"\0" * 100)])
@example("a", None, "you@example.com", [("日" * 200, "a/b", b"")])
@example("a", None, None, [("a'b''c.txt", "a/b", b""), ("utf-8''x", "a/b", b""), ('a"b;c=d.txt', "a/b", b"")])
def test_what_the_door_lets_through_is_read_back_as_it_was_sent(
    text: str, html: str | None, reply_to: str | None, files: list[tuple[str, str, bytes]]
) -> None:
    texts = {name: value for name, value in (("html", html), ("reply_to", reply_to)) if value is not None}
    sent = [
        {"name": name, "type": kind, "content": base64.b64encode(content).decode()} for name, kind, content in files
    ]
    try:
        extras = parse_extras(texts, sent)
    except InvalidError:
        return
    if "\0" in text:
        return
    content = compose(mail(text), extras).content
    content.decode("ascii")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")
    message = parsed(content)
    assert [defect for part in message.walk() for defect in part.defects] == []
    fields = {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "Content-Type", "MIME-Version"}
    optional = {"Reply-To", "Content-Transfer-Encoding"}
    assert fields <= set(message.keys()) <= fields | optional
    assert len(set(message.keys())) == len(message.keys())
    assert message["Reply-To"] == extras.reply_to
    assert body(message, "html") == (None if html is None else as_sent(html))
    assert body(message, "plain") == (None if html is not None and not text else as_sent(text))
    assert [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in message.iter_attachments()
    ] == [(each.name, each.type, each.content) for each in extras.attachments]
    assert compose(mail(text), extras).content == content


@pytest.mark.parametrize(
    ("extras", "kinds"),
    [
        (Extras(reply_to="you@example.com"), ["text/plain"]),
        (Extras(html="<p>"), ["multipart/alternative", "text/plain", "text/html"]),
        (Extras(attachments=(Attachment("a", "a/b", b""),)), ["multipart/mixed", "text/plain", "a/b"]),
        (
            Extras("<p>", None, (Attachment("a", "a/b", b""),)),
            ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "a/b"],
        ),
    ],
)
def test_a_mail_has_no_more_parts_than_it_needs(extras: Extras, kinds: list[str]) -> None:
    assert [part.get_content_type() for part in parsed(compose(mail(), extras).content).walk()] == kinds


def test_a_mail_of_html_alone_is_html() -> None:
    assert parsed(compose(mail(""), Extras(html="<p>")).content).get_content_type() == "text/html"
