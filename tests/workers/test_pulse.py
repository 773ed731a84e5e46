"""The pulse does its duties again and again, whatever one of them says."""

import threading
import time

import pytest

from messaging.outbox.errors import OutboxUnavailableError
from tests.fixtures.waiting import until
from workers import pulse as module
from workers.pulse import Pulse

pytestmark = pytest.mark.slow

LEASE_S = 0.08


class Duty:
    """Remembers when it was done; fails while it is told to."""

    def __init__(self) -> None:
        self.done_at: list[float] = []
        self.fault: Exception | None = None

    def __call__(self) -> None:
        self.done_at.append(time.monotonic())
        if self.fault is not None:
            raise self.fault


def test_a_duty_that_fails_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    first, second, third = Duty(), Duty(), Duty()
    first.fault, second.fault = OutboxUnavailableError("database is locked"), ZeroDivisionError("a bug")
    pulse = Pulse([first, second, third], LEASE_S)
    pulse.start()
    until(lambda: len(third.done_at) > 3)
    pulse.stop()
    assert len(first.done_at) == len(second.done_at) == len(third.done_at)
    assert "OutboxUnavailableError: database is locked" in caplog.text
    assert "ZeroDivisionError: a bug" in caplog.text


def test_it_begins_at_once() -> None:
    duty = Duty()
    pulse = Pulse([duty], 3600.0)
    pulse.start()
    until(lambda: duty.done_at, within_s=2)
    pulse.stop()
    assert len(duty.done_at) == 1


def test_it_ends_at_once_and_does_nothing_more() -> None:
    duty = Duty()
    pulse = Pulse([duty], 3600.0)
    pulse.start()
    began = time.monotonic()
    pulse.stop()
    assert time.monotonic() - began < 2
    assert not any(thread.name == "pulse" for thread in threading.enumerate())


def test_all_but_one_of_the_beats_in_a_lease_may_fail() -> None:
    duty = Duty()
    pulse = Pulse([duty], 0.8)
    pulse.start()
    until(lambda: len(duty.done_at) > 4)
    pulse.stop()
    waits = [later - earlier for earlier, later in zip(duty.done_at, duty.done_at[1:], strict=False)]
    assert 0.2 <= min(waits) < 0.25


def test_a_beat_that_failed_is_soon_made_up_for() -> None:
    duty = Duty()
    duty.fault = OutboxUnavailableError("database is locked")
    pulse = Pulse([duty], 8.0)
    pulse.start()
    until(lambda: len(duty.done_at) > 2)
    duty.fault = None
    pulse.stop()
    waits = [later - earlier for earlier, later in zip(duty.done_at, duty.done_at[1:], strict=False)]
    assert min(waits) >= 0.2
    assert max(waits) < 1


def test_a_long_lease_is_no_reason_to_be_taken_for_gone() -> None:
    assert Pulse([], 86_400.0)._period_s == module.MOST_PERIOD_S
    assert module.MOST_PERIOD_S * 3 < 40
