"""`/v1/mailbox`: what was put down in the Maildir, for who may see all mails."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from messaging.mailbox import Mailbox
from tests.fixtures.client import JSON
from tests.fixtures.service import MakeService, Service
from workers.composing import compose
from workers.transports.maildir import MaildirTransport

_UNLIKELY = b"""\
From: =?utf-8?q?J=C3=B6rg?= <joerg@example.com>
To: undisclosed: ;
Subject: =?no-such-charset?b?/w==?=
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain; charset=no-such-charset

J\xf6rg
--x
Content-Type: application/octet-stream; name="\xff.bin"
Content-Disposition: attachment
Content-Transfer-Encoding: base64

!!!!
--x--
"""


def ask(service: Service, key: str, target: str = "") -> dict[str, Any]:
    answer = service.public.get(f"/v1/mailbox{target}", {"X-API-Key": key, **JSON})
    assert answer.status == 200
    return answer.json


def put_down(service: Service, key: str, **fields: object) -> None:
    """Have a mail accepted, and put down as a worker does it."""
    body = {"to": "me@example.com", "subject": "A subject", "text": "A text.", **fields}
    mail = service.outbox.read(service.public.post_json("/v1/emails", body, {"X-API-Key": key}).id)
    assert mail is not None
    MaildirTransport(service.maildir_path).deliver(compose(mail, service.outbox.extras(mail)))


def place(service: Service, name: str, content: bytes) -> None:
    for folder in ("new", "cur", "tmp"):
        (service.maildir_path / folder).mkdir(parents=True, exist_ok=True)
    (service.maildir_path / "new" / name).write_bytes(content)


def test_before_the_first_mail_it_is_open_and_empty(service: Service, key: str) -> None:
    assert ask(service, key) == {"open": True, "letters": [], "more": False, "next": None}


def test_a_mail_is_listed_and_read_as_its_receiver_reads_it(service: Service, key: str) -> None:
    extras = {
        "html": "<p>A <b>text</b>.</p>",
        "reply_to": "answers@example.com",
        "attachments": [{"name": "Ä.txt", "type": "text/plain", "content": "aGVsbG8="}],
    }
    put_down(service, key, subject="Ein schöner Tag", **extras)
    (letter,) = ask(service, key)["letters"]
    assert (letter["to"], letter["subject"]) == ("me@example.com", "Ein schöner Tag")
    read = ask(service, key, f"/{letter['id']}")
    assert {name: read[name] for name in letter} == letter
    assert (read["text"].strip(), read["html"].strip()) == ("A text.", "<p>A <b>text</b>.</p>")
    assert read["reply_to"] == "answers@example.com"
    assert read["attachments"] == [{"name": "Ä.txt", "bytes": 5}]


def test_the_newest_come_first_whatever_their_names_are(service: Service, key: str) -> None:
    names = ["1700000000.M9P1Q2.here", "1700000000.M10P1Q3.here", "1600000000.M999999P1Q1.here", "odd"]
    for name in names:
        place(service, name, f"Subject: {name}\n\nx".encode())
    found = [letter["id"] for letter in ask(service, key)["letters"]]
    assert found == [names[1], names[0], names[2], "odd"]
    page = ask(service, key, "?limit=2")
    assert ([letter["id"] for letter in page["letters"]], page["more"]) == (names[1::-1], True)


def test_older_ones_are_where_the_answer_says(service: Service, key: str) -> None:
    names = [f"17000000{number % 7}0.M1P1Q{number}.here" for number in range(20)] + ["ö&b", "odd", "1.2", "é d"]
    for name in names:
        place(service, name, b"Subject: x\n\ny")
    found: list[str] = []
    target: str | None = "?limit=3"
    while target is not None:
        document = ask(service, key, target)
        found += [letter["id"] for letter in document["letters"]]
        assert document["more"] is (document["next"] is not None)
        target = document["next"] and document["next"].removeprefix("/v1/mailbox")
    assert sorted(found) == sorted(names)
    assert len(found) == len(set(found))
    text = service.public.get("/v1/mailbox?limit=1", {"X-API-Key": key}).text
    assert text == f"1 mails, older ones: /v1/mailbox?limit=1&before={found[0]}"


def test_one_that_is_gone_is_still_gone_on_from(service: Service, key: str) -> None:
    for number in (1, 3):
        place(service, f"170000000{number}.M1P1Q1.here", b"Subject: x\n\ny")
    (letter,) = ask(service, key, "?before=1700000002.M1P1Q1.here")["letters"]
    assert letter["id"] == "1700000001.M1P1Q1.here"


@pytest.mark.parametrize("before", ["", "a" * 256])
def test_what_is_no_name_is_refused(service: Service, key: str, before: str) -> None:
    answer = service.public.get(f"/v1/mailbox?before={before}", {"X-API-Key": key, **JSON})
    assert (answer.status, answer.json["field"]) == (422, "before")


def test_a_file_that_is_no_proper_mail_is_shown_as_far_as_it_goes(service: Service, key: str) -> None:
    place(service, "1700000000.M1P1Q1.here", _UNLIKELY)
    place(service, "1700000001.M1P1Q1.here", b"\xff\x00\xfe")
    place(service, "1700000002.M1P1Q1.here", b"")
    assert len(ask(service, key)["letters"]) == 3
    read = ask(service, key, "/1700000000.M1P1Q1.here")
    assert read["from"] == "Jörg <joerg@example.com>"
    assert read["text"].strip() == "J\N{REPLACEMENT CHARACTER}rg"
    assert json.dumps(ask(service, key, "/1700000001.M1P1Q1.here"))


@pytest.mark.parametrize(
    ("name", "put_down_at"),
    [
        ("999999999999.M1P1Q1.here", "9999-12-31T23:59:59.000Z"),
        ("253402300800.M1P1Q1.here", "9999-12-31T23:59:59.000Z"),
        ("253402300799.M1P1Q1.here", "9999-12-31T23:59:59.000Z"),
        ("9999999999999.M1P1Q1.here", "1970-01-01T00:00:00.000Z"),
        ("schön", "1970-01-01T00:00:00.000Z"),
        ("a b%c#d?é", "1970-01-01T00:00:00.000Z"),
    ],
)
def test_a_file_may_have_any_name(service: Service, key: str, name: str, put_down_at: str) -> None:
    place(service, name, b"Subject: x\n\ny")
    (letter,) = ask(service, key)["letters"]
    assert (letter["id"], letter["put_down_at"]) == (name, put_down_at)
    assert ask(service, key, f"/{quote(name)}")["text"] == "y"


def test_a_name_that_is_no_utf_8_is_shown_and_found_as_far_as_it_goes(service: Service, key: str) -> None:
    place(service, os.fsdecode(b"odd\xff"), b"Subject: x\n\ny")
    place(service, ":2,S", b"Subject: no name\n\ny")
    (letter,) = ask(service, key)["letters"]
    assert letter["id"] == "odd\N{REPLACEMENT CHARACTER}"
    assert ask(service, key, f"/{quote(letter['id'])}")["text"] == "y"


@pytest.mark.parametrize(
    "header",
    [b"To: a@[", b"To: <", b'From: "', b"Reply-To: a <", b"To: " + b"(" * 5000],
)
def test_a_header_that_the_library_trips_over_is_shown_as_it_stands_there(
    service: Service, key: str, header: bytes
) -> None:
    place(service, "1700000000.M1P1Q1.here", header + b"\nX: y\n\nA text.")
    place(service, "1700000001.M1P1Q1.here", b"Subject: fine\n\nx")
    letters = ask(service, key)["letters"]
    name, value = header.decode().split(": ")
    assert letters[1][name.lower().replace("-", "_")] == value
    assert letters[0]["subject"] == "fine"
    assert ask(service, key, "/1700000000.M1P1Q1.here")["text"] == "A text."


@pytest.mark.parametrize("name", ["none", "..", "%2e%2e", "..%2fdata%2fmessaging.db", "new", "%00"])
def test_nothing_but_a_mail_of_the_mailbox_is_read(service: Service, key: str, name: str) -> None:
    place(service, "1700000000.M1P1Q1.here", b"x")
    answer = service.public.get(f"/v1/mailbox/{name}", {"X-API-Key": key, **JSON})
    assert answer.status == 404


def test_a_key_that_sees_some_mails_and_a_stranger_see_none_of_it(service: Service, key: str) -> None:
    put_down(service, key)
    (letter,) = ask(service, key)["letters"]
    some = service.keys.add("some", recipients=["me@example.com"])
    for target in ("/v1/mailbox", f"/v1/mailbox/{letter['id']}"):
        assert service.public.get(target, JSON).status == 401
        assert service.public.get(target, {"X-API-Key": some, **JSON}).status == 403


def test_where_mails_go_to_a_relay_there_is_none(make_service: MakeService) -> None:
    service = make_service(SMTP_URL="smtp://127.0.0.1?tls=none")
    key = service.keys.add("test")
    assert ask(service, key) == {"open": False, "letters": [], "more": False, "next": None}
    assert service.public.get("/v1/mailbox/1700000000.M1P1Q1.here", {"X-API-Key": key, **JSON}).status == 404


def test_reading_changes_nothing(service: Service, key: str, tmp_path: Path) -> None:
    place(service, "1700000000.M1P1Q1.here", b"Subject: x\n\ny")
    before = {path: path.stat() for path in service.maildir_path.rglob("*")}
    ask(service, key, "/1700000000.M1P1Q1.here")
    assert {path: path.stat().st_mtime for path in before} == {path: stat.st_mtime for path, stat in before.items()}
    assert Mailbox(tmp_path / "nowhere").newest(10) == ([], None)
    assert not (tmp_path / "nowhere").exists()
