"""What is accepted is on the disk, whole, and due soon."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import event

from messaging.outbox.accepting import Wanted
from messaging.outbox.database import Database
from messaging.outbox.outbox import PUBLISH_WITHIN_MS, Outbox
from messaging.outbox.states import State
from tests.fixtures.clock import NOON_MS
from tests.fixtures.storage import accept, connected


def stored(path: Path) -> dict[str, str]:
    """State by id, as another program sees it."""
    with connected(path) as connection:
        return dict(connection.execute("SELECT id, state FROM mails").fetchall())


def test_a_mail_is_on_the_disk_when_it_is_accepted(outbox: Outbox, database_path: Path) -> None:
    for _ in range(10):
        mail = accept(outbox)
        assert stored(database_path)[mail.id] == "queued"


def test_what_accept_returns_is_what_is_stored(outbox: Outbox) -> None:
    accepted = outbox.accept(
        sender="alerts@example.org", recipient="me+tag@example.com", subject="Grüße 🎈", text="One\r\ntwo\n\tthree\0"
    )
    mail = accepted.mail
    assert not accepted.repeated
    assert outbox.read(mail.id) == mail
    assert (mail.state, mail.attempts, mail.finished_at, mail.final) == (State.QUEUED, 0, None, False)
    assert (mail.created_at, mail.due_at) == (NOON_MS, NOON_MS + PUBLISH_WITHIN_MS)


def test_many_threads_accept_at_once_and_every_mail_is_there(outbox: Outbox, database_path: Path) -> None:
    with ThreadPoolExecutor(32) as pool:
        mails = list(pool.map(lambda number: accept(outbox, f"user{number}@example.com"), range(320)))
    assert set(stored(database_path)) == {mail.id for mail in mails}
    assert {outbox.read(mail.id) for mail in mails} == set(mails)


def test_a_mail_that_was_never_accepted_is_not_there(outbox: Outbox) -> None:
    mail = accept(outbox)
    assert outbox.read(mail.id[:-1] + ("0" if mail.id[-1] != "0" else "1")) is None


def test_each_way_to_accept_commits_where_that_means_synced(outbox: Outbox, database: Database) -> None:
    committed: list[str] = []
    for name in ("accepting", "recording", "reading"):
        event.listen(getattr(database, name), "commit", lambda _connection, name=name: committed.append(name))
    accept(outbox)
    assert committed == ["accepting"]
    wanted = Wanted("alerts@example.org", "me@example.com", "A subject", "A text.")
    assert len(outbox.accept_all([wanted, wanted])) == 2
    assert committed == ["accepting"] * 2
