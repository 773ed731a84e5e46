"""Each part broken in turn: the doctor says what is wrong, and what it advises repairs it."""

import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.relay import Relay, parse_relay
from config.settings import Settings
from messaging.doctor.checks.clock import check_clock
from messaging.doctor.checks.database import check_database
from messaging.doctor.checks.exposure import check_exposure
from messaging.doctor.checks.mail import check_mail
from messaging.doctor.checks.relay import check_relay
from messaging.doctor.checks.sender import check_sender
from messaging.doctor.checks.settings import read_settings, tell_settings
from messaging.doctor.checks.talktome import check_talktome
from messaging.doctor.checks.workers import check_workers
from messaging.doctor.finding import Check, Finding, TroubleError, find
from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.heartbeats import Heartbeats, Role
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Attempt, Finish, Outcome
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.states import State
from messaging.talktome import TalktomeLog
from tests.fixtures.clock import Clock
from tests.fixtures.disks import give_away, unwritable
from tests.fixtures.storage import accept, connected, listed, locked, url_of
from tests.fixtures.waiting import until
from tests.messaging.doctor.name_server import NameServer
from workers.errors import RelayError


def trouble(check: Check) -> TroubleError:
    with pytest.raises(TroubleError) as raised:
        check()
    assert raised.value.advice
    return raised.value


# Findings.


def test_a_finding_is_one_line_with_what_to_do_at_its_end() -> None:
    def broken() -> str:
        raise TroubleError("no\nway", "Do this")

    assert str(find("it", lambda: "fine")) == "✓ it: fine"
    assert str(find("it", broken)) == "✗ it: no way. Do this"


def test_what_nobody_thought_of_is_a_finding_too() -> None:
    finding = find("it", lambda: str(1 // 0))
    assert not finding.ok
    assert "ZeroDivisionError" in finding.words


def test_without_the_database_what_depends_on_it_points_there(database: Database, database_path: Path) -> None:
    database_path.unlink()
    finding = find("clock", lambda: check_clock(database))
    assert finding == Finding("clock", ok=False, words=finding.words, advice="Set the database right, above")


# Settings.


def test_settings_that_were_set_are_shown_and_secrets_are_not() -> None:
    environ = {
        "LEASE": "90s",
        "SMTP_URL": "smtp://me:hunter2@localhost",
        "EMAIL_PASSWORD": "hunter3",
        "EMAIL_USERNAME": "me",
    }
    told = tell_settings(Settings.load(environ), environ)
    assert told == "SMTP_URL=(set), EMAIL_USERNAME=me, EMAIL_PASSWORD=(set), LEASE=90s"
    assert tell_settings(Settings.load({}), {}) == "all are defaults"


def test_settings_are_shown_as_they_were_written() -> None:
    environ = {
        "LISTEN": "127.0.0.1:8080",
        "RETRY_SCHEDULE": "1m,5m",
        "RETENTION": "off",
        "OPEN_TOTAL": "off",
        "ALIASES": "root=me@example.com",
        "PROXY_ADDRESSES": "10.0.0.0/8",
    }
    told = tell_settings(Settings.load(environ), environ)
    assert sorted(told.split(", ")) == sorted(f"{name}={text}" for name, text in environ.items())


def test_a_setting_that_cannot_be_used_is_named_with_what_is_allowed(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LEASE=soon\n")
    found = trouble(lambda: str(read_settings({}, tmp_path)))
    assert str(found) == 'LEASE: "soon" cannot be used'
    assert found.advice.startswith(f"In {tmp_path}/.env or the environment set LEASE to: ")
    (tmp_path / ".env").write_text("LEASE=90s\n")
    assert read_settings({}, tmp_path).lease_s == 90


# Database.


def test_a_database_that_is_in_order_is_told_with_its_version_and_room(database: Database, database_path: Path) -> None:
    assert "takes what is written" in check_database(database, database_path)


def test_a_database_that_is_not_there_is_made_by_the_service(tmp_path: Path) -> None:
    path = tmp_path / "var" / "messaging.db"
    database = Database(url_of(path))
    assert "serve" in trouble(lambda: check_database(database, path)).advice
    database.upgrade()  # what `serve` begins with
    check_database(database, path)
    database.close()


def test_who_looks_and_is_not_the_service_s_user_is_told_so(database: Database, database_path: Path) -> None:
    assert "belongs to" not in check_database(database, database_path)
    give_away(database_path)
    assert "it belongs to nobody, and what the service may do" in check_database(database, database_path)


def test_a_file_that_is_no_database_can_be_moved_away(database: Database, database_path: Path) -> None:
    database.close()
    database_path.write_bytes(b"no database at all" * 1000)
    advice = trouble(lambda: check_database(database, database_path)).advice
    move = advice.partition("one: ")[2].partition(" && ")[0]
    assert os.waitstatus_to_exitcode(os.system(move)) == 0
    database.upgrade()
    check_database(database, database_path)


def test_a_database_of_another_version_names_the_program_that_is_needed(
    database: Database, database_path: Path
) -> None:
    with connected(database_path) as connection:
        connection.execute("UPDATE schema_version SET version = version + 1")
        assert "newer program" in trouble(lambda: check_database(database, database_path)).advice
        connection.execute("UPDATE schema_version SET version = 0")
        assert "Start the service anew" in trouble(lambda: check_database(database, database_path)).advice


def test_a_disk_that_is_nearly_full_needs_room(database: Database, database_path: Path) -> None:
    found = trouble(lambda: check_database(database, database_path, least_free=10**15))
    assert "of room in" in found.advice


def test_a_disk_that_is_full_needs_room(small_disk: Path) -> None:
    path = small_disk / "messaging.db"
    database = Database(url_of(path))
    database.upgrade()
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 4096))
    assert f"of room in {small_disk}" in trouble(lambda: check_database(database, path, least_free=65536)).advice
    filler.unlink()
    check_database(database, path, least_free=65536)
    database.close()


def test_who_keeps_the_database_locked_is_to_be_found(
    database: Database, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.outbox.database.BUSY_TIMEOUT_S", 0.05)
    with locked(database_path):
        found = trouble(lambda: check_database(database, database_path))
    assert found.advice == f"Find it and end it: fuser {database_path}"
    check_database(database, database_path)


# Talktome log.


def test_a_log_that_cannot_be_written_needs_its_folder(tmp_path: Path) -> None:
    log = TalktomeLog(tmp_path / "logs" / "talk.log", 10_000, 1)
    command = trouble(lambda: check_talktome(log, None)).advice.partition("write it: ")[2].partition(";")[0]
    assert os.waitstatus_to_exitcode(os.system(command)) == 0
    assert check_talktome(log, None) == f"{log.path} takes lines"


def test_a_log_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    log = TalktomeLog(tmp_path / "talk.log", 10_000, 1)
    assert check_talktome(log, None) == f"{log.path} takes lines"
    assert list(tmp_path.iterdir()) == []
    with unwritable(tmp_path):
        assert "cannot be written: Permission denied" in str(trouble(lambda: check_talktome(log, None)))
    log.path.mkdir()
    assert "cannot be written: Is a directory" in str(trouble(lambda: check_talktome(log, None)))


def test_a_log_whose_usual_place_cannot_be_written_goes_elsewhere(tmp_path: Path) -> None:
    log = TalktomeLog(tmp_path / "logs" / "talk.log", 10_000, 1)
    assert "lines go to elsewhere" in check_talktome(log, Path("elsewhere"))


# Workers.


def test_workers_and_dispatchers_have_to_be_seen(heartbeats: Heartbeats, clock: Clock) -> None:
    def check() -> str:
        return check_workers(heartbeats, embedded=False)

    assert trouble(check).advice == "Start it: python -m workers"
    heartbeats.beat(1, 2)
    assert "no dispatcher" in str(trouble(check))
    heartbeats.beat(1, 0, Role.DISPATCHER)
    assert check().endswith("1 dispatching, 2 mails in hand")
    clock.pass_s(60)
    assert "no worker" in str(trouble(check))


def test_an_embedded_worker_comes_with_the_service(heartbeats: Heartbeats) -> None:
    assert trouble(lambda: check_workers(heartbeats, embedded=True)).advice == "Start it: python -m messaging serve"


# Clock.


def test_a_clock_behind_another_process_s_has_to_be_set(
    database: Database, heartbeats: Heartbeats, clock: Clock
) -> None:
    check_clock(database, clock)
    heartbeats.beat(1, 0)
    clock.pass_s(-60)
    found = trouble(lambda: check_clock(database, clock))
    words = f"process {os.getpid()} on {socket.gethostname()} says that it lives at 2026-03-01T12:00:00.000Z"
    assert words in str(found)
    assert "timedatectl set-ntp true" in found.advice
    heartbeats.beat(1, 0)  # it has the same clock now
    check_clock(database, clock)


def test_a_process_that_ended_while_its_clock_was_ahead_is_forgotten_by_the_next(
    database: Database, heartbeats: Heartbeats, clock: Clock
) -> None:
    clock.pass_s(86_400)
    heartbeats.beat(1, 0)
    clock.pass_s(-86_400)
    assert "restart one that sends" in trouble(lambda: check_clock(database, clock)).advice
    heartbeats.beat(2, 0)
    check_clock(database, clock)


def test_a_mail_of_a_time_to_come_says_nothing_of_the_clock_now(
    database: Database, outbox: Outbox, clock: Clock
) -> None:
    clock.pass_s(86_400)
    accept(outbox)
    clock.pass_s(-86_400)
    check_clock(database, clock)


# Strangers.


def test_who_lets_strangers_send_has_to_say_that_it_is_meant() -> None:
    reachable = {"LISTEN": "0.0.0.0:8080"}
    advice = trouble(lambda: check_exposure(Settings.load(reachable))).advice
    assert advice == "Set OPEN_SENDMAIL=false; or OPEN_SENDMAIL=true if that is meant"
    assert check_exposure(Settings.load({**reachable, "OPEN_SENDMAIL": "false"})) == "sending needs a key"
    assert "as OPEN_SENDMAIL says" in check_exposure(Settings.load({**reachable, "OPEN_SENDMAIL": "true"}))
    assert "this machine alone" in check_exposure(Settings.load({}))


# Relay.


_RELAY = parse_relay("smtp://127.0.0.1:2525?tls=none")


def test_a_relay_that_answers_is_not_in_order_while_all_mail_waits_for_it(hold: RelayHold) -> None:
    def check() -> str:
        return check_relay(_RELAY, lambda _relay: None, hold)

    assert check() == "127.0.0.1:2525 answers, no login is set"
    hold.begin("550 5.7.1 Sender address rejected: not owned by user")
    found = trouble(check)
    assert "all mail waits since 2026-03-01T12:00:00.000Z, it is tried at 2026-03-01T12:01:00.000Z" in str(found)
    assert str(found).endswith(": 550 5.7.1 Sender address rejected: not owned by user")
    assert "MAIL_FROM" in found.advice
    hold.begin("535 5.7.8 Bad credentials")
    assert "EMAIL_USERNAME" in trouble(check).advice
    hold.release()
    check()


def test_a_relay_that_does_not_answer_is_told_with_its_own_words_and_since_when_mail_waits(hold: RelayHold) -> None:
    def away(_relay: Relay) -> None:
        raise RelayError("Connection refused")

    hold.begin("no route to the relay")
    found = trouble(lambda: check_relay(_RELAY, away, hold))
    assert str(found).startswith("127.0.0.1:2525: Connection refused; all mail waits since 20")
    assert "SMTP_URL" in found.advice


def test_a_certificate_that_ends_soon_says_in_how_many_days(hold: RelayHold) -> None:
    def told(days: float) -> str:
        return check_relay(_RELAY, lambda _relay: days * 86_400, hold, now_s=lambda: 0.0)

    assert ", its certificate is good until 1970-01-14, in 13 days, " in told(13.5)
    assert ", its certificate is good until 1970-01-16, no login" in told(15)


# Sender.


@pytest.fixture
def name_server() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


def test_a_domain_has_to_say_once_who_may_send_for_it(name_server: NameServer) -> None:
    def check() -> str:
        return check_sender("me@example.com", name_server.resolver)

    assert "Add a TXT record" in trouble(check).advice
    name_server.texts = ["some other text", "v=spf1 include:relay.example ~all"]
    assert check().endswith("example.com says v=spf1 include:relay.example ~all")
    name_server.texts = ["v=spf1 -all", "v=spf1 ~all"]
    assert "Leave one" in trouble(check).advice
    name_server.texts = ["v=spf10 is another protocol"]
    assert "Add a TXT record" in trouble(check).advice


@pytest.mark.slow
def test_where_dns_does_not_answer_nothing_is_held_against_the_sender(name_server: NameServer) -> None:
    name_server.silent = True
    assert "DNS does not tell" in check_sender("me@example.com", name_server.resolver, within_s=0.2)


@pytest.mark.parametrize("mail_from", ["messaging@localhost", "me@host.lan", "me@mail.example", "me@[127.0.0.1]"])
def test_a_domain_that_is_not_public_is_not_looked_up(mail_from: str) -> None:
    assert "in no public DNS" in check_sender(mail_from)


# Mail.


def test_a_mail_that_is_sent_is_told_with_the_relay_s_words(outbox: Outbox, claims: Claims) -> None:
    def work() -> None:
        until(lambda: listed(outbox))
        claim = claims.claim(listed(outbox)[0].id)
        assert claim
        attempt = Attempt(1, claim.mail.created_at, 1, 2, Outcome.SENT, 250, "queued as 1A2B")
        claims.finish(Finish(claim, State.SENT, None, charged=True, attempt=attempt))

    worker = threading.Thread(target=work)
    worker.start()
    told = check_mail(outbox, Settings.load({}), "me@example.com")
    worker.join()
    assert "to m***@example.com was sent in" in told
    assert told.endswith(": 250 queued as 1A2B")


def test_a_mail_that_waits_for_ever_says_where_to_look(outbox: Outbox) -> None:
    found = trouble(lambda: check_mail(outbox, Settings.load({}), "me@example.com", within_s=0))
    assert "is queued after 0.0 s" in str(found)
    assert "lines above" in found.advice


def test_a_mail_that_fails_says_after_how_long(outbox: Outbox, claims: Claims) -> None:
    def work() -> None:
        until(lambda: listed(outbox))
        claim = claims.claim(listed(outbox)[0].id)
        assert claim
        attempt = Attempt(1, claim.mail.created_at, 1, 2, Outcome.REFUSED, 550, "no")
        claims.finish(Finish(claim, State.FAILED, None, charged=True, attempt=attempt))

    worker = threading.Thread(target=work)
    worker.start()
    found = trouble(lambda: check_mail(outbox, Settings.load({}), "me@example.com"))
    worker.join()
    assert re.search(r" is failed after [0-5]\.\d s: 550 no$", str(found))
    assert "another address" in found.advice


def test_nobody_gets_a_mail_whom_the_service_would_send_none(outbox: Outbox) -> None:
    settings = Settings.load({"ALLOWED_RECIPIENTS": "@example.org"})
    found = trouble(lambda: check_mail(outbox, settings, "me@example.com"))
    assert "m***@example.com is not among ALLOWED_RECIPIENTS" in str(found)
    assert listed(outbox) == []
