"""Why mails wait is said in plain words, from what was asked a moment ago."""

import time
from pathlib import Path

import pytest

from messaging.outbox import database as database_module
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.heartbeats import Heartbeats, Role, WorkerSeen
from messaging.outbox.relay_hold import Hold, RelayHold
from messaging.outlook import Outlook
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import PROBE_EVERY_S, url_of
from tests.fixtures.threads import all_at_once

NO_WORKER = "no worker has been seen for 40 s, it waits for one"
HELD = "the relay is held since 2026-03-01T12:00:00.000Z"
IN_FULL = f"{HELD}: AUTH: 535 5.7.8 Bad credentials; it is tried again at 2026-03-01T12:01:00.000Z"


class CountingHold(RelayHold):
    """Remembers how often it was asked; takes its time, and fails where it is told to."""

    asked = 0
    takes_s = 0.0
    error: Exception | None = None

    def read(self) -> Hold | None:
        self.asked += 1
        time.sleep(self.takes_s)
        if self.error:
            raise self.error
        return super().read()


class CountingHeartbeats(Heartbeats):
    """Remembers how often it was asked."""

    asked = 0

    def alive(self, role: Role = Role.WORKER) -> list[WorkerSeen]:
        self.asked += 1
        return super().alive(role)


@pytest.fixture
def hold(database: Database, clock: Clock) -> CountingHold:
    return CountingHold(database, PROBE_EVERY_S, clock)


@pytest.fixture
def heartbeats(database: Database, clock: Clock) -> CountingHeartbeats:
    return CountingHeartbeats(database, clock)


@pytest.fixture
def outlook(hold: CountingHold, heartbeats: CountingHeartbeats, clock: Clock) -> Outlook:
    return Outlook(hold, heartbeats, lambda: clock() / 1000)


def remarks(outlook: Outlook) -> tuple[str, str]:
    """What anybody is told, and what somebody with a key is."""
    return outlook.remark(in_full=False), outlook.remark(in_full=True)


def test_nothing_is_said_where_nothing_keeps_mails(outlook: Outlook, heartbeats: Heartbeats) -> None:
    heartbeats.beat(NOON_MS, 0)
    assert remarks(outlook) == ("", "")


def test_no_worker_is_told_to_anybody(outlook: Outlook) -> None:
    assert remarks(outlook) == (NO_WORKER, NO_WORKER)


def test_a_held_relay_is_told_to_anybody_and_its_words_to_who_has_a_key(
    outlook: Outlook, hold: RelayHold, heartbeats: Heartbeats
) -> None:
    heartbeats.beat(NOON_MS, 0)
    hold.begin("AUTH: 535 5.7.8 Bad credentials")
    assert remarks(outlook) == (HELD, IN_FULL)


def test_a_held_relay_comes_before_a_missing_worker(outlook: Outlook, hold: RelayHold) -> None:
    hold.begin("AUTH: 535 5.7.8 Bad credentials")
    assert remarks(outlook) == (HELD, IN_FULL)


def test_what_is_known_is_good_for_two_seconds(
    outlook: Outlook, hold: CountingHold, heartbeats: CountingHeartbeats, clock: Clock
) -> None:
    assert outlook.remark(in_full=False) == NO_WORKER
    heartbeats.beat(NOON_MS, 0)
    for _ in range(20):
        clock.pass_s(0.1)
        assert outlook.remark(in_full=False) == NO_WORKER
    assert (hold.asked, heartbeats.asked) == (1, 1)
    clock.pass_s(0.001)
    assert outlook.remark(in_full=False) == ""
    assert (hold.asked, heartbeats.asked) == (2, 2)


@pytest.mark.slow
def test_of_32_threads_one_asks(outlook: Outlook, hold: CountingHold, clock: Clock) -> None:
    hold.takes_s = 0.05
    for round_number in (1, 2, 3):
        all_at_once(lambda in_full: outlook.remark(in_full=in_full), [True, False] * 16)
        assert hold.asked == round_number
        clock.pass_s(2.001)


@pytest.mark.slow
def test_those_who_come_while_it_is_asked_do_not_wait_and_hear_what_was_known(
    outlook: Outlook, hold: CountingHold, heartbeats: Heartbeats, clock: Clock
) -> None:
    assert outlook.remark(in_full=False) == NO_WORKER
    heartbeats.beat(NOON_MS, 0)
    clock.pass_s(3)
    hold.takes_s = 0.5
    futures = all_at_once(lambda in_full: outlook.remark(in_full=in_full), [False] * 32)
    assert sorted(future.result() for future in futures) == ["", *[NO_WORKER] * 31]


def test_where_the_database_is_away_nothing_is_said_and_it_is_not_asked_again_at_once(
    outlook: Outlook, hold: CountingHold, clock: Clock
) -> None:
    hold.begin("535")
    hold.error = OutboxUnavailableError("unable to open database file")
    assert [remarks(outlook) for _ in range(5)] == [("", "")] * 5
    assert hold.asked == 1
    hold.error = None
    clock.pass_s(2.001)
    assert outlook.remark(in_full=False) == HELD


def test_what_was_known_before_the_database_went_away_is_not_said_any_longer(
    outlook: Outlook, hold: CountingHold, clock: Clock
) -> None:
    hold.begin("535")
    assert outlook.remark(in_full=False) == HELD
    hold.error = OutboxUnavailableError("unable to open database file")
    clock.pass_s(2.001)
    assert remarks(outlook) == ("", "")


def test_a_bug_does_not_stop_it_from_being_asked_again(outlook: Outlook, hold: CountingHold) -> None:
    hold.error = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        outlook.remark(in_full=False)
    hold.error = None
    assert outlook.remark(in_full=False) == NO_WORKER


def test_a_real_database_that_is_not_there_is_no_error(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    database = Database(url_of(tmp_path / "gone" / "messaging.db"))
    outlook = Outlook(RelayHold(database, PROBE_EVERY_S, clock), Heartbeats(database, clock))
    assert remarks(outlook) == ("", "")
    database.close()
