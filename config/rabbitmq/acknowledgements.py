"""Tells RabbitMQ which messages are done with, many of them in one frame."""

import threading
from functools import partial
from typing import Any


class Acknowledgements:
    """What is in work of the messages that came by one connection, and what is done.

    Dramatiq's own consumer wakes its connection's thread for each message that is done, and has a frame written for
    it. Here whatever is done by the time that thread runs goes together: in one frame that says "up to this one" where
    nothing before it is in work (AMQP 0-9-1, basic.ack, `multiple`), and in frames of their own otherwise, so that a
    slow mail holds up no other.

    Args:
        consumer: Dramatiq's, for RabbitMQ; its connection's thread is the one that calls `came`.
    """

    def __init__(self, consumer: Any) -> None:
        self._connection = consumer.connection
        self._channel = consumer.channel
        # What it has given out, so far as it knows.
        self._known = consumer.known_tags
        #: Delivery tags of what is in work; they come in ascending order, which a dictionary keeps.
        self._open: dict[int, None] = {}
        self._latest = 0
        self._done: list[int] = []
        self._lock = threading.Lock()

    def came(self, tag: int) -> None:
        """A message is given out."""
        self._open[tag] = None
        self._latest = tag

    def done(self, tag: int) -> None:
        """A message is done; called by any thread.

        Raises:
            pika.exceptions.AMQPConnectionError: if the connection is closed.
        """
        with self._lock:
            self._done.append(tag)
            if len(self._done) > 1:
                return  # the thread has been told, and has not come yet
        self._connection.add_callback_threadsafe(partial(self._acknowledge, self._latest))

    def refused(self, tag: int) -> None:
        """A message is given back by a frame that the connection's thread was asked to write just now."""
        self._connection.add_callback_threadsafe(partial(self._open.pop, tag, None))

    def _acknowledge(self, latest: int) -> None:
        """Acknowledge what is done.

        Args:
            latest: the latest message when this was asked for. RabbitMQ closes the channel where a message is refused
                that it has been told is done: whatever was refused since came after that one.
        """
        with self._lock:
            done, self._done = self._done, []
        self._known.difference_update(done)
        for tag in done:
            self._open.pop(tag, None)
        oldest = next(iter(self._open), latest + 1)
        up_to = min(latest, oldest - 1)
        if together := [tag for tag in done if tag <= up_to]:
            self._channel.basic_ack(max(together), multiple=True)
        for tag in done:
            if tag > up_to:
                self._channel.basic_ack(tag)
