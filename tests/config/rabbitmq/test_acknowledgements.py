"""Any interleaving of messages that come, end well and end badly."""

from collections import deque
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from config.rabbitmq.acknowledgements import Acknowledgements


class Channel:
    """RabbitMQ's end of a channel, which it closes where a frame is about a message that is not out: an error here."""

    def __init__(self) -> None:
        self.out: set[int] = set()
        self.acknowledged: set[int] = set()
        self.frames = 0

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        assert tag in self.out
        meant = {other for other in self.out if other <= tag} if multiple else {tag}
        self.out -= meant
        self.acknowledged |= meant
        self.frames += 1

    def basic_nack(self, tag: int) -> None:
        assert tag in self.out
        self.out.remove(tag)


class Consumer:
    """What of Dramatiq's consumer it uses, and the callbacks that the connection's thread has yet to run."""

    def __init__(self) -> None:
        self.connection = self
        self.channel = Channel()
        self.known_tags: set[int] = set()
        self.callbacks: deque[Callable[[], object]] = deque()

    def add_callback_threadsafe(self, callback: Callable[[], object]) -> None:
        self.callbacks.append(callback)

    def run(self) -> None:
        while self.callbacks:
            self.callbacks.popleft()()


class Worked:
    """A consumer at work."""

    def __init__(self) -> None:
        self.consumer = Consumer()
        self.channel = self.consumer.channel
        self.acknowledgements = Acknowledgements(self.consumer)
        self.latest = 0
        self.in_work: list[int] = []
        self.done: set[int] = set()

    def come(self) -> None:
        self._out()
        self.consumer.known_tags.add(self.latest)
        self.acknowledgements.came(self.latest)
        self.in_work.append(self.latest)

    def come_unreadable(self) -> None:
        """A message that Dramatiq cannot decode: it refuses it, and gives it to nobody."""
        self._out()
        self._refuse(self.latest)

    def end(self, place: int) -> None:
        tag = self.in_work.pop(place % len(self.in_work))
        self.done.add(tag)
        self.acknowledgements.done(tag)

    def fail(self, place: int) -> None:
        tag = self.in_work.pop(place % len(self.in_work))
        self.consumer.known_tags.remove(tag)
        self._refuse(tag)
        self.acknowledgements.refused(tag)

    def _out(self) -> None:
        self.latest += 1
        self.channel.out.add(self.latest)

    def _refuse(self, tag: int) -> None:
        self.consumer.add_callback_threadsafe(lambda: self.channel.basic_nack(tag))


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
                worked.come_unreadable()
            case "end" if worked.in_work:
                worked.end(place)
            case "fail" if worked.in_work:
                worked.fail(place)
            case "run":
                worked.consumer.run()
                assert worked.channel.acknowledged == worked.done
    worked.consumer.run()
    assert worked.channel.acknowledged == worked.done
    assert worked.channel.out == worked.consumer.known_tags == set(worked.in_work)


def test_those_that_are_done_together_take_one_frame() -> None:
    worked = Worked()
    for _ in range(8):
        worked.come()
    for _ in range(8):
        worked.end(0)
    worked.consumer.run()
    assert worked.channel.frames == 1


def test_a_slow_one_holds_up_no_other() -> None:
    worked = Worked()
    for _ in range(5):
        worked.come()
    for place in (0, 1, 1):
        worked.end(place)
    worked.consumer.run()
    assert worked.channel.acknowledged == {1, 3, 4}
    assert worked.channel.frames == 3
