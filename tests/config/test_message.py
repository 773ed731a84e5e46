"""The message is what Dramatiq would have made of an id, byte for byte."""

import time

from dramatiq import Message
from hypothesis import given
from hypothesis import strategies as st

from config.message import ACTOR, QUEUE, encode


def made_by_dramatiq(mail_id: str, message_timestamp: int) -> Message[None]:
    return Message(QUEUE, ACTOR, (mail_id,), {}, {}, message_id=mail_id, message_timestamp=message_timestamp)


@given(st.uuids().map(str))
def test_a_message_is_written_as_dramatiq_writes_it(mail_id: str) -> None:
    before = time.time_ns() // 1_000_000
    data = encode(mail_id)
    message: Message[None] = Message.decode(data)
    assert before <= message.message_timestamp <= time.time_ns() // 1_000_000
    assert data == made_by_dramatiq(mail_id, message.message_timestamp).encode()


def test_a_message_carries_the_id_alone() -> None:
    message: Message[None] = Message.decode(encode("0190-id"))
    assert (message.queue_name, message.actor_name) == (QUEUE, ACTOR)
    assert (message.args, message.kwargs, message.options) == (("0190-id",), {}, {})
