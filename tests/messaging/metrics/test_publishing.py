"""How long it takes until mails are stored and published."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from config.mail_queue import Settled
from messaging.metrics.publishing import MeasuredPublisher, MeasuredQueue
from messaging.outbox.ids import new_id
from tests.fixtures.clock import Clock
from tests.fixtures.publishers import RememberingPublisher


class Queue:
    """Settles what it is told to."""

    settle: Settled

    def __init__(self) -> None:
        self.ids: list[str] = []

    def open(self, settled: Settled) -> None:
        self.settle = settled

    def put(self, mail_id: str) -> None:
        self.ids.append(mail_id)

    def depth(self) -> int:
        return len(self.ids)

    def close(self, timeout_s: float) -> None:
        self.ids.clear()


def test_a_mail_s_intake_is_timed_from_the_making_of_its_id(clock: Clock) -> None:
    registry = CollectorRegistry()
    publisher = RememberingPublisher()
    mail_id = new_id(clock())
    clock.pass_s(0.2)
    MeasuredPublisher(publisher, registry, clock).publish(mail_id)
    assert publisher.ids == [mail_id]
    assert registry.get_sample_value("messaging_intake_seconds_sum") == 0.2


def test_a_clock_that_was_set_back_makes_no_negative_times(clock: Clock) -> None:
    registry = CollectorRegistry()
    MeasuredPublisher(RememberingPublisher(), registry, clock).publish(new_id(clock() + 5000))
    assert registry.get_sample_value("messaging_intake_seconds_sum") == 0


def test_what_is_retried_by_hand_is_published_and_its_age_is_no_time_that_anything_took(clock: Clock) -> None:
    registry = CollectorRegistry()
    inner = Queue()
    queue = MeasuredQueue(inner, registry, clock)
    queue.open(lambda _ids, _refused: None)
    old = new_id(clock())
    clock.pass_s(3 * 86_400)
    fresh = new_id(clock())
    for mail_id in (old, fresh):
        queue.put(mail_id)
    clock.pass_s(0.5)
    inner.settle([old, fresh], None)
    assert registry.get_sample_value("messaging_publish_seconds_sum") == 0.5
    queue.put(old)
    inner.settle([old], None)
    assert registry.get_sample_value("messaging_publish_seconds_count") == 1
    assert registry.get_sample_value("messaging_published_total") == 3
    clock.pass_s(60)  # one that was fresh and took as long
    inner.settle([fresh], None)
    assert registry.get_sample_value("messaging_publish_seconds_sum") == 61


def test_what_the_broker_confirms_and_refuses_is_counted_and_passed_on(clock: Clock) -> None:
    registry = CollectorRegistry()
    inner = Queue()
    queue = MeasuredQueue(inner, registry, clock)
    seen: list[tuple[Sequence[str], str | None]] = []
    queue.open(lambda ids, refused: seen.append((ids, refused)))
    ids = [new_id(clock()) for _ in range(3)]
    for mail_id in ids:
        queue.put(mail_id)
    assert queue.depth() == 3
    clock.pass_s(1.5)
    inner.settle(ids[:2], None)
    inner.settle(ids[2:], "full")
    assert seen == [(ids[:2], None), (ids[2:], "full")]
    assert registry.get_sample_value("messaging_published_total") == 2
    assert registry.get_sample_value("messaging_publish_refused_total") == 1
    assert registry.get_sample_value("messaging_publish_seconds_sum") == 1.5
    queue.close(1)
    assert inner.ids == []
