"""The embedded mode: the same worker inside the web process, and nothing is lost between two of its lives."""

import mailbox
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from config.broker import make_queue
from config.settings import Settings
from messaging.outbox.clock import clock_ms
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database, transaction
from messaging.outbox.due import DueMails
from messaging.outbox.outbox import Outbox
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.states import State
from messaging.publisher import BrokerPublisher
from tests.fixtures.storage import accept, listed
from tests.fixtures.waiting import until
from workers import dispatcher as dispatcher_module
from workers import embedded as embedded_module
from workers.assembly import assemble_worker
from workers.embedded import EmbeddedWorker

pytestmark = pytest.mark.slow

#: As it is outside of tests.
IDLE_MS = embedded_module._IDLE_MS


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    return tmp_path / "mailbox"


class Life:
    """One life of the process, from its start to its end."""

    def __init__(self, database: Database, maildir: Path) -> None:
        settings = Settings.load({"SMTP_URL": f"maildir:{maildir}"})
        parts = assemble_worker(settings, database, [])
        self.outbox = Outbox(database)
        self.hold = parts.dispatcher._hold
        self._worker = EmbeddedWorker(parts, threads=4)
        self._publisher = BrokerPublisher(
            make_queue(parts.broker), parts.due, RelayHold(database, settings.hold_probe_s), Confirms(database)
        )
        self._ended = False
        self._worker.start()
        self._publisher.start()

    def accept(self) -> str:
        mail = accept(self.outbox)
        self._publisher.publish(mail.id)
        return mail.id

    def sent(self) -> int:
        return len(listed(self.outbox, state=State.SENT, limit=1000))

    def end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._worker.stop()
        self._publisher.stop(10)
        self._worker.join()


@pytest.fixture
def live(database: Database, maildir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Life]]:
    monkeypatch.setattr(dispatcher_module, "PERIOD_S", 0.02)
    monkeypatch.setattr(embedded_module, "_IDLE_MS", 20)
    lives: list[Life] = []

    def begin() -> Life:
        lives.append(Life(database, maildir))
        return lives[-1]

    yield begin
    for life in lives:
        life.end()


def message_ids(maildir: Path) -> list[str]:
    return sorted(str(message["Message-ID"]) for message in mailbox.Maildir(maildir, create=False))


def test_what_is_accepted_is_delivered_once(live: Callable[[], Life], maildir: Path) -> None:
    life = live()
    ids = [life.accept() for _ in range(50)]
    until(lambda: life.sent() == 50)
    assert message_ids(maildir) == sorted(f"<{mail_id}@localhost>" for mail_id in ids)


def test_what_is_put_into_this_process_s_own_queue_is_published_then(live: Callable[[], Life]) -> None:
    life = live()
    began = clock_ms()
    ids = [life.accept() for _ in range(5)]
    until(lambda: all(life.outbox.published_at(mail_id) for mail_id in ids))
    assert all(began <= (life.outbox.published_at(mail_id) or 0) <= clock_ms() for mail_id in ids)


def test_what_was_left_in_the_broker_is_delivered_in_the_next_life(
    live: Callable[[], Life], database: Database, maildir: Path
) -> None:
    # The broker of the life before confirmed it, and is gone with it: it must not wait for a minute.
    ids = [accept(Outbox(database)).id for _ in range(5)]
    DueMails(database, 5).mark_published(ids)
    life = live()
    until(lambda: life.sent() == 5)
    assert message_ids(maildir) == sorted(f"<{mail_id}@localhost>" for mail_id in ids)


def test_what_a_life_did_not_finish_the_next_one_does(
    live: Callable[[], Life], database: Database, maildir: Path
) -> None:
    first = live()
    maildir.touch()  # a relay that is away
    ids = [first.accept() for _ in range(3)]
    until(lambda: first.hold.read() and len(listed(first.outbox, state=State.QUEUED)) == 3)
    first.end()
    maildir.unlink()
    second = live()
    assert {(mail.state, mail.attempts) for mail in listed(second.outbox)} == {(State.QUEUED, 0)}
    # The relay is held for a minute: nobody waits for that here.
    with transaction(database.recording) as connection:
        connection.execute(text("UPDATE hold SET probe_at = 0"))
    until(lambda: second.sent() == 3)
    assert message_ids(maildir) == sorted(f"<{mail_id}@localhost>" for mail_id in ids)


def test_an_idle_life_ends_soon(live: Callable[[], Life], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_module, "_IDLE_MS", IDLE_MS)
    began = time.monotonic()
    live().end()
    assert time.monotonic() - began < 1.5


def test_what_counted_for_a_time_is_removed_where_mails_are_kept_for_ever(database: Database, maildir: Path) -> None:
    with transaction(database.recording) as connection:
        connection.execute(text("INSERT INTO uses VALUES (1, '0,1', 1)"))
    parts = assemble_worker(Settings.load({"SMTP_URL": f"maildir:{maildir}", "RETENTION": "off"}), database, [])
    worker = EmbeddedWorker(parts, threads=1)
    worker.start()

    def left() -> int:
        with transaction(database.reading) as connection:
            count: int = connection.execute(text("SELECT count(*) FROM uses")).scalar_one()
        return count

    until(lambda: left() == 0)
    worker.stop()
    worker.join()
