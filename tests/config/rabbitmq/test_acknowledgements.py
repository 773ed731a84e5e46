"""Any interleaving of messages that come, end well and end badly."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.rabbitmq.acknowledgements import Acknowledgements
from tests.fixtures.consumers import ScriptedConsumer

pytestmark = pytest.mark.slow


class Worked:
    """A consumer at work."""

    def __init__(self) -> None:
        self.consumer = ScriptedConsumer()
        self.channel = self.consumer.channel
        self.acknowledgements = Acknowledgements(self.consumer)
        self.in_work: list[int] = []
        self.done: set[int] = set()

    def come(self, *, unreadable: bool = False) -> None:
        self.consumer.unreadable = unreadable
        message = next(self.consumer)
        if message is not None:
            self.acknowledgements.came(message._tag)
            self.in_work.append(message._tag)

    def end(self, place: int) -> None:
        tag = self.in_work.pop(place % len(self.in_work))
        self.done.add(tag)
        self.acknowledgements.done(tag)

    def fail(self, place: int) -> None:
        tag = self.in_work.pop(place % len(self.in_work))
        self.consumer.known_tags.remove(tag)
        self.consumer.connection.add_callback_threadsafe(lambda: self.channel.basic_nack(tag))
        self.acknowledgements.refused(tag)

    def run(self) -> None:
        self.consumer.connection.run()


KINDS = ["come", "come", "come", "unreadable", "end", "end", "end", "fail", "run"]
EVENTS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 5)), min_size=10, max_size=60)


@settings(max_examples=1000)
@given(EVENTS)
def test_what_is_done_is_acknowledged_and_nothing_else(events: list[tuple[str, int]]) -> None:
    worked = Worked()
    for event, place in events:
        match event:
            case "come":
                worked.come()
            case "unreadable":
                worked.come(unreadable=True)
            case "end" if worked.in_work:
                worked.end(place)
            case "fail" if worked.in_work:
                worked.fail(place)
            case "run":
                worked.run()
                assert worked.channel.acknowledged == worked.done
    worked.run()
    assert worked.channel.acknowledged == worked.done
    assert worked.channel.out == worked.consumer.known_tags == set(worked.in_work)


def test_those_that_are_done_together_take_one_frame() -> None:
    worked = Worked()
    for _ in range(8):
        worked.come()
    for _ in range(8):
        worked.end(0)
    worked.run()
    assert worked.channel.acknowledgements == 1


def test_a_slow_one_holds_up_no_other() -> None:
    worked = Worked()
    for _ in range(5):
        worked.come()
    for place in (0, 1, 1):
        worked.end(place)
    worked.run()
    assert worked.channel.acknowledged == {1, 3, 4}
    assert worked.channel.acknowledgements == 3
