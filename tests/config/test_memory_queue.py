"""The queue of the embedded mode takes ids up to its bound, and answers for each at once."""

from collections.abc import Sequence

import pytest
from dramatiq import Message

from config import memory_queue as module
from config.broker import make_broker
from config.broker_url import BrokerUrl
from config.memory_broker import MemoryBroker
from config.memory_queue import MEMORY_LIMIT, MemoryQueue
from config.message import QUEUE


@pytest.fixture
def broker() -> MemoryBroker:
    broker = make_broker(BrokerUrl(), [])
    assert isinstance(broker, MemoryBroker)
    return broker


Settlements = list[tuple[list[str], str | None]]


@pytest.fixture
def settled() -> Settlements:
    return []


@pytest.fixture
def queue(broker: MemoryBroker, settled: Settlements) -> MemoryQueue:
    def settle(ids: Sequence[str], refused: str | None) -> None:
        settled.append((list(ids), refused))

    queue = MemoryQueue(broker)
    queue.open(settle)
    return queue


def test_what_is_put_in_is_taken_by_the_worker_and_is_settled(
    queue: MemoryQueue, broker: MemoryBroker, settled: Settlements
) -> None:
    queue.put("a")
    assert settled == [(["a"], None)]
    message = next(broker.consume(QUEUE, timeout=10))
    assert message is not None
    assert (message.actor_name, message.args) == ("deliver", ("a",))


def test_what_was_put_in_is_still_there_when_it_is_closed(queue: MemoryQueue, broker: MemoryBroker) -> None:
    queue.put("a")
    queue.close(1)
    assert Message.decode(broker.queues[QUEUE].get_nowait()).args == ("a",)


def test_it_counts_what_waits_whoever_put_it_in(queue: MemoryQueue, broker: MemoryBroker) -> None:
    assert queue.depth() == 0
    queue.put("a")
    queue.put("b")
    assert (queue.depth(), MemoryQueue(broker).depth()) == (2, 2)


def test_it_takes_no_more_than_its_bound_and_goes_on_below_it(
    queue: MemoryQueue, broker: MemoryBroker, settled: Settlements, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MEMORY_LIMIT == 10_000
    monkeypatch.setattr(module, "MEMORY_LIMIT", 3)
    for mail_id in "abcde":
        queue.put(mail_id)
    full = "3 ids are waiting already"
    assert settled == [(["a"], None), (["b"], None), (["c"], None), (["d"], full), (["e"], full)]
    assert queue.depth() == 3
    broker.queues[QUEUE].get_nowait()
    queue.put("d")
    assert queue.depth() == 3
    assert settled[-1] == (["d"], None)
