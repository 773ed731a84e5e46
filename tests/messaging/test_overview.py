"""How old an overview may be, and what it may cost."""

import threading

import pytest

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database
from messaging.outbox.heartbeats import Heartbeats
from messaging.outbox.outbox import Outbox
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.states import State
from messaging.outbox.tallies import Tallies, Waiting
from messaging.overview import Overseer
from tests.fixtures.brokers import RememberingQueue
from tests.fixtures.storage import accept
from tests.fixtures.waiting import until


class Seconds:
    """A clock that is moved by who takes time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class SlowQueue(RememberingQueue):
    """Takes its time to say how long it is, and can be held up."""

    def __init__(self, seconds: Seconds) -> None:
        super().__init__()
        self._seconds = seconds
        self.takes_s = 0.0
        self.asked = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def depth(self) -> int:
        self.asked.set()
        assert self.may_answer.wait(20)
        self._seconds.now += self.takes_s
        return super().depth()


class SlowTallies(Tallies):
    """Takes its time to find what has waited longest."""

    takes_s = 0.0
    seconds: Seconds

    def oldest_waiting(self) -> Waiting | None:
        self.seconds.now += self.takes_s
        return super().oldest_waiting()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def queue(seconds: Seconds) -> SlowQueue:
    return SlowQueue(seconds)


@pytest.fixture
def tallies(database: Database, seconds: Seconds) -> SlowTallies:
    tallies = SlowTallies(database, clock_ms)
    tallies.seconds = seconds
    return tallies


@pytest.fixture
def overseer(
    database: Database,
    tallies: SlowTallies,
    heartbeats: Heartbeats,
    hold: RelayHold,
    queue: SlowQueue,
    seconds: Seconds,
) -> Overseer:
    return Overseer(database, tallies, heartbeats, hold, queue, seconds)


def queued(overseer: Overseer) -> int:
    return overseer.look().states[State.QUEUED]


def test_an_overview_is_good_for_a_second(overseer: Overseer, outbox: Outbox, seconds: Seconds) -> None:
    assert queued(overseer) == 0
    accept(outbox)
    seconds.now += 0.9
    assert queued(overseer) == 0
    seconds.now += 0.1
    assert queued(overseer) == 1


def test_one_that_the_database_took_long_for_is_good_for_ten_times_as_long(
    overseer: Overseer, outbox: Outbox, tallies: SlowTallies, seconds: Seconds
) -> None:
    tallies.takes_s = 3
    assert queued(overseer) == 0
    accept(outbox)
    seconds.now += 29.9
    assert queued(overseer) == 0
    seconds.now += 0.2
    assert queued(overseer) == 1


def test_a_broker_that_does_not_answer_makes_it_no_older(
    overseer: Overseer, outbox: Outbox, queue: SlowQueue, seconds: Seconds
) -> None:
    queue.takes_s = 5
    queue.silent = "RabbitMQ does not say"
    assert overseer.look().queue_trouble == "RabbitMQ does not say"
    accept(outbox)
    queue.takes_s = 0
    queue.silent = None
    seconds.now += 1
    overview = overseer.look()
    assert (overview.states[State.QUEUED], overview.queue) == (1, 0)


@pytest.mark.parametrize(("late_s", "sees"), [(9.9, 0), (3600, 1)])
def test_who_asks_while_another_one_does_is_answered_with_what_is_known_unless_that_is_old(
    overseer: Overseer, outbox: Outbox, queue: SlowQueue, seconds: Seconds, late_s: float, sees: int
) -> None:
    assert queued(overseer) == 0
    accept(outbox)
    seconds.now += 1 + late_s
    queue.asked.clear()
    queue.may_answer.clear()
    first = threading.Thread(target=overseer.look)
    first.start()
    assert queue.asked.wait(20)
    answers: list[int] = []
    second = threading.Thread(target=lambda: answers.append(queued(overseer)))
    second.start()
    if not sees:
        until(lambda: answers)
    queue.may_answer.set()
    second.join()
    first.join()
    assert answers == [sees]
