"""What goes over the wire is what pika would send if Dramatiq published by it."""

from collections.abc import Sequence
from typing import Any

import pika
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.frame import decode_frame

from config.message import QUEUE, encode
from config.rabbitmq import frames


class Wire:
    """Stands for a connection, and keeps what a channel has it send."""

    def __init__(self) -> None:
        self.sent = b""
        self.callbacks: Any = pika.callback.CallbackManager()

    def _send_method(self, number: int, method: Any, content: Any = None) -> None:
        wire: Any = self
        SelectConnection._send_message(wire, number, method, content)  # type: ignore[attr-defined]

    _body_max_length = 1000

    def _output_marshaled_frames(self, frames: Sequence[bytes]) -> None:
        self.sent += b"".join(frames)


def by_pika(number: int, body: bytes) -> bytes:
    wire: Any = Wire()
    channel = Channel(wire, number, lambda _channel: None)
    channel._set_state(Channel.OPEN)  # type: ignore[attr-defined]
    # As dramatiq.brokers.rabbitmq has it: a message without a priority of its own.
    properties = pika.BasicProperties(delivery_mode=2, priority=None)
    channel.basic_publish("", QUEUE, body, properties, mandatory=True)
    sent: bytes = wire.sent
    return sent


def test_a_publish_is_the_bytes_that_pika_sends() -> None:
    for body in (encode("0190-id"), encode("0190d3a4-7a52-7cc3-98c4-dc0c0c07398f"), b"x"):
        assert frames.publish(1, body) == by_pika(1, body)
    assert frames.publish(7, b"other") == by_pika(7, b"other")


def test_a_publish_is_three_frames() -> None:
    data, kinds = frames.publish(1, b"body"), []
    while data:
        length, frame = decode_frame(data)
        kinds.append(type(frame).__name__)
        data = data[length:]
    assert kinds == ["Method", "Header", "Body"]
