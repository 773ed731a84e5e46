"""What is on the wire when an id is published: the bytes that Dramatiq's broker would have pika send."""

import functools

import pika
import pika.spec
from pika.frame import Body, Header, Method

from config.message import QUEUE


def publish(channel: int, body: bytes) -> bytes:
    """Marshal one publish, all of its frames in one piece.

    Args:
        channel: the number of the channel.
        body: the message.
    """
    return _head(channel, len(body)) + Body(channel, body).marshal()


@functools.cache
def _head(channel: int, length: int) -> bytes:
    """The frames before the body, the same for all bodies of a length."""
    method = pika.spec.Basic.Publish(exchange="", routing_key=QUEUE, mandatory=True)
    persistent = pika.BasicProperties(delivery_mode=2)
    return Method(channel, method).marshal() + Header(channel, length, persistent).marshal()
