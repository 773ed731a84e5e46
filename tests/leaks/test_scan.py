"""What counts as written down though it must not be, and what does not."""

import time
from pathlib import Path

import pytest

from messaging.draft import Draft
from messaging.keys import Keys
from messaging.links import Links
from messaging.outbox.database import Database
from messaging.outbox.secret import DatabaseSecret, LinkSecret
from tests.fixtures.storage import database, database_path
from tests.leaks.scan import leaks

__all__ = ["database", "database_path"]


def found_in(folder: Path, text: str, name: str = "web.out") -> list[str]:
    file = folder / "looked-at" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    try:
        return [leak.what for leak in leaks(folder / "looked-at")]
    finally:
        file.unlink()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("mail 1 accepted for me@{}.com", "an address"),
        ("to=<me+tag@{}.org>", "an address"),
        ("GET /?sendmail=me%40{}.com", "an address"),
        ("jürgen@bücher.{}", "an address"),
        ("t000001@{}", "an address"),
        ("amqp://guest:guest@127.0.0.1", "a password"),
        ("535 {}2 is wrong", "a password"),
        ("Idempotency-Key: {}-17", "an idempotency key"),
    ],
)
def test_what_somebody_sent_is_found_wherever_it_stands(tmp_path: Path, text: str, what: str) -> None:
    # Put together here: the log of this run is looked through, too.
    text = text.format({"535": "hunter", "Ide": "order"}.get(text[:3], "example"))
    assert found_in(tmp_path, f"line\nline {text} and more\nline") == [what]


def test_keys_links_and_the_secret_as_they_are_made_are_found(tmp_path: Path, database: Database) -> None:
    secret = DatabaseSecret(database).value.hex()
    assert found_in(tmp_path, f"signed with {secret}\n") == ["a database's secret"]
    key = Keys(database).add("test")
    link = Links(LinkSecret(database)).make(Draft("me@example.com", "subject", "text"), 60)
    assert found_in(tmp_path, f"by {key}\n") == ["a key"]
    assert found_in(tmp_path, f"GET /?link={link}\n") == ["a link"]
    assert found_in(tmp_path, f"token {link}\n") == ["a link"]


@pytest.mark.parametrize(
    "text",
    [
        "mail 1 accepted for m***@example.com",
        "at http://127.0.0.1:8080/?sendmail",
        "amqp://***@127.0.0.1:5672",
        "Try: curl 'http://127.0.0.1:8***@example.com'",
        "messaging@localhost",
        "not allowed: @example.com",
        "orders, re-order-ed; request 0123456789abcdef0123456789abcdef",
        "  curl 'http://127.0.0.1:8080/?sendmail=me@example.com'",
        "12:00:00 web.1     |   curl 'http://127.0.0.1:8080/?sendmail=me@example.com'",
    ],
)
def test_what_is_masked_or_proposed_is_none(tmp_path: Path, text: str) -> None:
    assert found_in(tmp_path, text) == []


@pytest.mark.parametrize("name", ["messaging.db", "messaging.db-wal", "mailbox/new/1.M2", "mailbox-2/cur/1.M2:2,S"])
def test_where_mails_are_kept_they_may_be(tmp_path: Path, name: str) -> None:
    assert found_in(tmp_path, "me@example.com", name) == []


#: A test's folder has its name, and many of them say "mailbox".
NOT_IN_A_MAILBOX = [
    "test_mails_of_the_mailbox0/web.out",
    "test_the_mailbox_is_new0/new/web.out",
    "mailbox/web.out",
    "mailbox/new/log/web.out",
    "mailbox.log",
]


@pytest.mark.parametrize(
    "name", ["web.out", "web.out.before-0", "nginx/nginx.log", "talktome.log.1", "db.log", *NOT_IN_A_MAILBOX]
)
def test_everywhere_else_they_may_not(tmp_path: Path, name: str) -> None:
    assert found_in(tmp_path, "me@example.com", name) == ["an address"]


def test_long_words_are_looked_through_in_no_time(tmp_path: Path) -> None:
    began = time.process_time()
    assert found_in(tmp_path, "y" * 100_000 + " " + "z-" * 50_000) == []
    assert time.process_time() - began < 1
