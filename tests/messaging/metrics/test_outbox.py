"""What the outbox tells a monitoring system."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from messaging.keys import Keys
from messaging.metrics.attempts import Attempts
from messaging.metrics.outbox import OutboxMetrics
from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.heartbeats import Heartbeats, Role
from messaging.outbox.outbox import PUBLISH_WITHIN_MS, Outbox
from messaging.outbox.records import Attempt, Finish, Outcome
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.retention import Retention
from messaging.outbox.states import State
from tests.fixtures.clock import Clock
from tests.fixtures.storage import accept, claimed


@pytest.fixture
def registry(database: Database, hold: RelayHold, heartbeats: Heartbeats, clock: Clock) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(OutboxMetrics(database, hold, heartbeats, Attempts(database), clock))
    return registry


def send(outbox: Outbox, claims: Claims, clock: Clock, *, took_ms: int = 70) -> None:
    claim = claimed(outbox, claims)
    attempt = Attempt(1, clock(), took_ms - 40, 40, Outcome.SENT, 250, "Ok")
    assert claims.finish(Finish(claim, State.SENT, None, charged=True, attempt=attempt))


def test_mails_are_told_by_state_and_by_what_became_of_them(
    registry: CollectorRegistry, outbox: Outbox, claims: Claims, clock: Clock
) -> None:
    for _ in range(2):
        send(outbox, claims, clock)
    claim = claimed(outbox, claims)
    refused = Attempt(1, clock(), 0, 3, Outcome.REFUSED, 550, "no")
    claims.finish(Finish(claim, State.FAILED, None, charged=True, attempt=refused))
    accept(outbox)
    value = registry.get_sample_value
    assert value("messaging_accepted_total") == 4
    assert value("messaging_sent_total") == 2
    assert value("messaging_failed_total", {"class": "refused"}) == 1
    assert value("messaging_failed_total", {"class": "busy"}) == 0
    assert value("messaging_mails", {"state": "queued"}) == 1
    assert value("messaging_mails", {"state": "sent"}) == 2
    assert value("messaging_outbox_up") == 1


def test_ids_that_find_nothing_to_claim_are_counted(
    registry: CollectorRegistry, outbox: Outbox, claims: Claims, clock: Clock
) -> None:
    mail_id = accept(outbox).id
    claim = claims.claim(mail_id)
    assert claim
    for _ in range(2):
        assert claims.claim(mail_id) is None
    busy = Attempt(1, clock(), 0, 3, Outcome.BUSY, 451, "later")
    claims.finish(Finish(claim, State.RETRYING, clock(), charged=True, attempt=busy))
    assert registry.get_sample_value("messaging_claims_refused_total") == 2
    assert registry.get_sample_value("messaging_retried_total") == 1


def test_the_oldest_due_is_told_by_how_long_it_has_been_due(
    registry: CollectorRegistry, outbox: Outbox, clock: Clock
) -> None:
    assert registry.get_sample_value("messaging_oldest_due_seconds") == 0
    accept(outbox)
    assert registry.get_sample_value("messaging_oldest_due_seconds") == 0
    clock.pass_s(PUBLISH_WITHIN_MS / 1000 + 90)
    assert registry.get_sample_value("messaging_oldest_due_seconds") == 90


def test_no_word_of_a_relay_and_nothing_of_a_mail_or_a_key_is_told(
    registry: CollectorRegistry, outbox: Outbox, hold: RelayHold, claims: Claims, database: Database, clock: Clock
) -> None:
    Keys(database).add("a-name-of-a-key")
    accept(outbox)
    claim = claimed(outbox, claims)
    refused = Attempt(1, clock(), 0, 3, Outcome.REFUSED, 550, "5.1.1 <victim@example.com> unknown")
    claims.finish(Finish(claim, State.FAILED, None, charged=True, attempt=refused))
    hold.begin("530 5.7.0 <user0@example.com>: sender not allowed")
    page = generate_latest(registry).decode()
    assert "messaging_relay_held 1.0" in page
    told = ("@", "example.com", "victim", "user0", "sender not", "5.1.1", "530", "msg_", "a-name", claim.mail.subject)
    assert [words for words in told if words in page] == []


def test_a_held_relay_is_told_with_its_age(registry: CollectorRegistry, hold: RelayHold, clock: Clock) -> None:
    assert registry.get_sample_value("messaging_relay_held") == 0
    hold.begin("away")
    clock.pass_s(30)
    assert registry.get_sample_value("messaging_relay_held") == 1
    assert registry.get_sample_value("messaging_relay_held_seconds") == 30


def test_workers_and_dispatchers_that_are_seen_are_counted_and_what_they_have_in_hand(
    registry: CollectorRegistry, heartbeats: Heartbeats, clock: Clock
) -> None:
    heartbeats.beat(1, 3)
    heartbeats.beat(2, 4)
    heartbeats.beat(2, 0, Role.DISPATCHER)
    value = registry.get_sample_value
    assert value("messaging_processes", {"role": "worker"}) == 2
    assert value("messaging_processes", {"role": "dispatcher"}) == 1
    assert value("messaging_in_flight") == 7
    clock.pass_s(60)
    assert value("messaging_processes", {"role": "worker"}) == 0


def test_attempts_are_counted_once_by_what_they_took_and_from_the_first_look_on(
    registry: CollectorRegistry, outbox: Outbox, claims: Claims, clock: Clock
) -> None:
    send(outbox, claims, clock)
    sent = {"outcome": "sent"}
    value = registry.get_sample_value
    assert value("messaging_attempt_seconds_count", sent) == 0
    send(outbox, claims, clock, took_ms=70)
    send(outbox, claims, clock, took_ms=2000)
    for _ in range(3):
        assert value("messaging_attempt_seconds_count", sent) == 2
    assert value("messaging_attempt_seconds_bucket", {**sent, "le": "0.05"}) == 0
    assert value("messaging_attempt_seconds_bucket", {**sent, "le": "0.1"}) == 1
    assert value("messaging_attempt_seconds_sum", sent) == 2.07
    assert value("messaging_delivery_seconds_count") == 2
    assert value("messaging_delivery_seconds_sum") == 2.07


def test_attempts_are_counted_on_after_all_of_them_were_removed(
    registry: CollectorRegistry, outbox: Outbox, claims: Claims, clock: Clock, database: Database
) -> None:
    value = registry.get_sample_value
    assert value("messaging_delivery_seconds_count") == 0
    for _ in range(3):
        send(outbox, claims, clock)
    assert value("messaging_delivery_seconds_count") == 3
    clock.pass_s(100)
    Retention(database, 50, clock).prune()
    send(outbox, claims, clock)
    assert value("messaging_delivery_seconds_count") == 4


def test_no_attempt_is_counted_twice_or_left_out_after_the_newest_were_removed(
    registry: CollectorRegistry, outbox: Outbox, claims: Claims, clock: Clock, database: Database
) -> None:
    def counts() -> list[float | None]:
        return [
            registry.get_sample_value("messaging_attempt_seconds_count", {"outcome": each}) for each in ("busy", "sent")
        ]

    assert counts() == [0, 0]
    claim = claimed(outbox, claims)
    for number in range(3):  # it is tried again and again, and so is not removed
        attempt = Attempt(number, clock(), 0, 3, Outcome.BUSY, 451, "later")
        assert claims.finish(Finish(claim, State.QUEUED, clock(), charged=True, attempt=attempt))
        claim = claims.claim(claim.mail.id) or claim
    for _ in range(5):
        send(outbox, claims, clock)
    assert counts() == [3, 5]
    clock.pass_s(100)
    Retention(database, 50, clock).prune()
    assert counts() == [3, 5]
    for _ in range(5):
        send(outbox, claims, clock)
    assert counts() == [3, 10]
    clock.pass_s(100)
    Retention(database, 50, clock).prune()
    for _ in range(6):
        send(outbox, claims, clock)
    assert counts() == [3, 16]


def test_without_the_database_it_is_told_that_it_is_away_and_nothing_else(
    registry: CollectorRegistry, database: Database, database_path: Path
) -> None:
    database.close()
    database_path.rename(database_path.with_name("away"))
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    assert lines == ["messaging_outbox_up 0.0"]
