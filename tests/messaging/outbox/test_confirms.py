"""When the broker confirmed a mail is kept for as long as the mail, and costs nothing where it cannot be noted."""

from pathlib import Path

import pytest

from messaging.outbox import confirms as module
from messaging.outbox import database as database_module
from messaging.outbox.claims import Claims
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.ids import new_id
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Finish
from messaging.outbox.retention import Retention
from messaging.outbox.states import FINAL, State
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import accept, connected, locked, put, url_of


def test_a_confirm_has_the_time_at_which_it_came_and_not_that_at_which_it_is_noted(
    outbox: Outbox, confirms: Confirms, clock: Clock
) -> None:
    first, second, silent = (accept(outbox).id for _ in range(3))
    clock.pass_s(0.003)
    confirms.came([first])
    clock.pass_s(0.002)
    confirms.came([second])
    clock.pass_s(60)
    assert outbox.published_at(first) is None
    confirms.note()
    assert [outbox.published_at(mail_id) for mail_id in (first, second, silent)] == [NOON_MS + 3, NOON_MS + 5, None]


@pytest.mark.parametrize("state", State)
def test_it_is_noted_whatever_has_become_of_the_mail_which_stays_as_it_is(
    outbox: Outbox, confirms: Confirms, database_path: Path, state: State
) -> None:
    mail_id = put(outbox, database_path, state, None if state in FINAL else NOON_MS)
    before = outbox.read(mail_id)
    confirms.came([mail_id])
    confirms.note()
    assert outbox.published_at(mail_id) == NOON_MS
    assert outbox.read(mail_id) == before


def test_it_is_kept_through_all_that_happens_to_the_mail(
    outbox: Outbox, confirms: Confirms, claims: Claims, due: DueMails, clock: Clock
) -> None:
    mail = accept(outbox)
    confirms.came([mail.id])
    confirms.note()
    for state, due_at in ((State.RETRYING, NOON_MS), (State.QUEUED, NOON_MS), (State.SENT, None)):
        clock.pass_s(60)
        due.take(10)
        claim = claims.claim(mail.id)
        assert claim is not None
        claims.finish(Finish(claim, state, due_at, charged=True, attempt=None))
        assert outbox.published_at(mail.id) == NOON_MS


def test_of_a_mail_that_was_published_again_the_last_time_counts_in_whatever_order_they_are_noted(
    database: Database, outbox: Outbox, clock: Clock
) -> None:
    publisher, dispatcher = Confirms(database, clock), Confirms(database, clock)
    mail = accept(outbox)
    publisher.came([mail.id])
    clock.pass_s(60)
    dispatcher.came([mail.id])
    dispatcher.note()
    assert outbox.published_at(mail.id) == NOON_MS + 60_000
    publisher.note()
    assert outbox.published_at(mail.id) == NOON_MS + 60_000
    clock.pass_s(60)
    publisher.came([mail.id])
    publisher.came([mail.id])
    publisher.note()
    assert outbox.published_at(mail.id) == NOON_MS + 120_000


def test_it_goes_with_the_mail_and_does_not_come_back(
    database: Database, database_path: Path, outbox: Outbox, confirms: Confirms, clock: Clock
) -> None:
    gone, never, stays = put(outbox, database_path, State.SENT, None), new_id(NOON_MS), accept(outbox).id
    with connected(database_path) as connection:
        connection.execute("UPDATE mails SET finished_at = ? WHERE id = ?", (NOON_MS, gone))
    confirms.came([gone])
    confirms.note()
    clock.pass_s(61)
    assert Retention(database, 60, clock).prune() == 1
    assert outbox.published_at(gone) is None
    confirms.came([gone, never, stays])
    confirms.note()
    with connected(database_path) as connection:
        assert connection.execute("SELECT mail_id FROM confirms").fetchall() == [(stays,)]


def test_what_could_not_be_noted_is_noted_the_next_time(
    database_path: Path, outbox: Outbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    impatient = Database(url_of(database_path))
    confirms = Confirms(impatient, clock)
    ids = [accept(outbox).id for _ in range(3)]
    with locked(database_path):
        confirms.came(ids[:2])
        with pytest.raises(OutboxUnavailableError):
            confirms.note()
    clock.pass_s(1)
    confirms.came(ids[2:])
    confirms.note()
    assert [outbox.published_at(mail_id) for mail_id in ids] == [NOON_MS, NOON_MS, NOON_MS + 1000]
    impatient.close()


def test_many_are_noted_a_few_hundred_at_a_time(
    outbox: Outbox, confirms: Confirms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH", 3)
    ids = [accept(outbox).id for _ in range(8)]
    confirms.came(ids)
    confirms.note()
    assert {outbox.published_at(mail_id) for mail_id in ids} == {NOON_MS}


def test_no_more_than_that_wait_for_a_database_that_is_away(
    outbox: Outbox, confirms: Confirms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    ids = [accept(outbox).id for _ in range(5)]
    for mail_id in ids:
        confirms.came([mail_id])
    confirms.note()
    assert [outbox.published_at(mail_id) for mail_id in ids] == [NOON_MS] * 3 + [None] * 2
