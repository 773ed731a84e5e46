"""A worker that said a short while ago that it lives is there; any other is not."""

import os
import socket
from pathlib import Path

import pytest

from messaging.outbox.heartbeats import GONE_AFTER_MS, Heartbeats, Role, WorkerSeen
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import connected

HOUR_S = 3600


def names(heartbeats: Heartbeats) -> list[str]:
    return [worker.name for worker in heartbeats.alive()]


def rows(path: Path) -> int:
    with connected(path) as connection:
        (count,) = connection.execute("SELECT count(*) FROM workers").fetchone()
    return int(count)


def test_nobody_is_there_who_was_never_seen(heartbeats: Heartbeats) -> None:
    assert heartbeats.alive() == []


def test_a_worker_says_who_it_is_and_what_it_has_in_hand(heartbeats: Heartbeats, clock: Clock) -> None:
    started_at = NOON_MS - 5000
    heartbeats.beat(started_at, 3)
    host, pid = socket.gethostname(), os.getpid()
    (seen,) = heartbeats.alive()
    assert seen == WorkerSeen(f"{host}:{pid}:{started_at}", host, pid, started_at, NOON_MS, 3)


def test_it_is_the_same_worker_at_its_next_beat(heartbeats: Heartbeats, database_path: Path, clock: Clock) -> None:
    heartbeats.beat(NOON_MS, 3)
    clock.pass_s(10)
    heartbeats.beat(NOON_MS, 1)
    (seen,) = heartbeats.alive()
    assert (seen.started_at, seen.seen_at, seen.in_flight) == (NOON_MS, NOON_MS + 10_000, 1)
    assert rows(database_path) == 1


def test_a_worker_is_there_for_40_s_and_then_gone(heartbeats: Heartbeats, clock: Clock) -> None:
    assert GONE_AFTER_MS == 40_000
    heartbeats.beat(NOON_MS, 0)
    clock.pass_s(40)
    assert len(heartbeats.alive()) == 1
    clock.pass_s(0.001)
    assert heartbeats.alive() == []


def test_a_worker_that_was_thought_gone_is_there_again_with_its_next_beat(heartbeats: Heartbeats, clock: Clock) -> None:
    heartbeats.beat(NOON_MS, 0)
    clock.pass_s(41)
    heartbeats.beat(NOON_MS, 0)
    assert len(heartbeats.alive()) == 1


def test_a_process_that_starts_anew_is_another_worker_although_its_number_is_the_same(
    heartbeats: Heartbeats, clock: Clock
) -> None:
    heartbeats.beat(NOON_MS, 0)
    clock.pass_s(1)
    heartbeats.beat(clock(), 0)
    assert [worker.started_at for worker in heartbeats.alive()] == [NOON_MS, NOON_MS + 1000]


def test_two_processes_of_one_moment_are_two_workers(heartbeats: Heartbeats, monkeypatch: pytest.MonkeyPatch) -> None:
    heartbeats.beat(NOON_MS, 0)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    heartbeats.beat(NOON_MS, 0)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    heartbeats.beat(NOON_MS, 0)
    assert len(set(names(heartbeats))) == 3
    # The end of one is not the end of the others.
    heartbeats.end(NOON_MS)
    assert len(names(heartbeats)) == 2
    assert not any(name.startswith("elsewhere:") for name in names(heartbeats))


def test_a_worker_that_ends_is_gone_at_once(heartbeats: Heartbeats, clock: Clock) -> None:
    heartbeats.beat(NOON_MS, 0)
    heartbeats.beat(NOON_MS + 1, 0)
    heartbeats.end(NOON_MS)
    assert [worker.started_at for worker in heartbeats.alive()] == [NOON_MS + 1]


def test_a_worker_that_is_gone_and_did_not_end_is_told_of_for_an_hour(heartbeats: Heartbeats, clock: Clock) -> None:
    heartbeats.beat(NOON_MS, 3)
    heartbeats.beat(NOON_MS + 1, 0)
    heartbeats.beat(NOON_MS, 0, Role.DISPATCHER)
    clock.pass_s(40)
    assert heartbeats.gone() == []
    clock.pass_s(0.001)
    heartbeats.end(NOON_MS + 1)
    (gone,) = heartbeats.gone()
    assert (gone.started_at, gone.seen_at, gone.in_flight) == (NOON_MS, NOON_MS, 3)
    assert len(heartbeats.gone(Role.DISPATCHER)) == 1
    clock.now = NOON_MS + HOUR_S * 1000
    assert len(heartbeats.gone()) == 1
    clock.pass_s(0.001)
    assert heartbeats.gone() == []


def test_of_workers_that_are_gone_the_last_are_told_of(heartbeats: Heartbeats, clock: Clock) -> None:
    for _ in range(25):
        clock.pass_s(1)
        heartbeats.beat(clock(), 0)
    clock.pass_s(60)
    assert [gone.seen_at for gone in heartbeats.gone()] == [NOON_MS + 25_000 - 1000 * number for number in range(20)]


def test_a_worker_that_comes_back_is_gone_no_more(heartbeats: Heartbeats, clock: Clock) -> None:
    heartbeats.beat(NOON_MS, 0)
    clock.pass_s(60)
    heartbeats.beat(NOON_MS, 0)
    assert heartbeats.gone() == []


def test_a_clock_that_was_an_hour_ahead_keeps_no_dead_worker_alive(heartbeats: Heartbeats, clock: Clock) -> None:
    heartbeats.beat(NOON_MS, 0)
    clock.now = NOON_MS - HOUR_S * 1000
    assert heartbeats.alive() == []
    heartbeats.beat(NOON_MS, 0)
    assert len(heartbeats.alive()) == 1


def test_a_process_that_sends_and_dispatches_is_seen_as_both(heartbeats: Heartbeats, clock: Clock) -> None:
    heartbeats.beat(NOON_MS, 3)
    assert heartbeats.alive(Role.DISPATCHER) == []
    heartbeats.beat(NOON_MS, 0, Role.DISPATCHER)
    clock.pass_s(30)
    heartbeats.beat(NOON_MS, 2)
    clock.pass_s(11)
    assert [seen.in_flight for seen in heartbeats.alive()] == [2]
    assert heartbeats.alive(Role.DISPATCHER) == []
    heartbeats.beat(NOON_MS, 0, Role.DISPATCHER)
    heartbeats.end(NOON_MS)
    assert heartbeats.alive() == []
    assert len(heartbeats.alive(Role.DISPATCHER)) == 1
    heartbeats.end(NOON_MS, Role.DISPATCHER)
    assert heartbeats.alive(Role.DISPATCHER) == []


def test_workers_that_were_gone_for_an_hour_are_forgotten_when_another_comes(
    heartbeats: Heartbeats, database_path: Path, clock: Clock
) -> None:
    heartbeats.beat(NOON_MS, 0)
    clock.pass_s(HOUR_S)
    heartbeats.beat(clock(), 0)
    assert rows(database_path) == 2
    clock.pass_s(0.001)
    heartbeats.beat(clock(), 0)
    assert rows(database_path) == 2
    assert [worker.started_at for worker in heartbeats.alive()] == [clock() - 1, clock()]
