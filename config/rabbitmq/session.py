"""One connection to RabbitMQ, from its beginning to its end: ids are published in a stream, confirms are counted."""

import functools
from collections import deque
from concurrent.futures import Future
from typing import Any, Final

import pika
import pika.channel
import pika.connection
import pika.exceptions
import pika.spec
from dramatiq import Message
from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.frame import Method

from config.mail_queue import QueueError, Settled
from config.message import QUEUE, encode
from config.rabbitmq import frames
from config.rabbitmq.reasons import misfit_of, reason_of
from config.rabbitmq.unconfirmed import Unconfirmed

#: Most ids that are on their way to a confirm, about 350 bytes each.
MOST_UNCONFIRMED: Final = 2_000

#: Least time from one write to the next, in seconds. What finds the connection idle is written at once; where many ids
#: come, waking this thread for each of them and for its confirm would cost ten times what the publish does.
_WRITE_EVERY_S: Final = 0.002


class Session:
    """Publishes what waits until its connection ends; made for one connection, and run once.

    Others may call `wake`, `ask_depth`, `finish` and `abort`; the rest belongs to the thread that runs it.

    Args:
        parameters: where to connect to, and how.
        arguments: what the queue is declared with.
        waiting: ids that are to be published; others put them in, and call `wake`.
        settled: told what became of each id that was taken out of `waiting`.
    """

    def __init__(
        self, parameters: pika.connection.Parameters, arguments: dict[str, Any], waiting: deque[str], settled: Settled
    ) -> None:
        self._parameters = parameters
        self._arguments = arguments
        self._waiting = waiting
        self._settled = settled
        self._loop = IOLoop()
        self._ready = False
        self._finishing = False
        #: Why RabbitMQ reads nothing from us at the moment, if that is so.
        self._blocked: str | None = None
        #: True if a write will come by itself, so that nobody needs to wake the loop for it.
        self._awake = False
        self._timed = False
        self._unconfirmed = Unconfirmed()
        #: Came back because there was no queue; they are confirmed all the same.
        self._returned: set[str] = set()
        self._declaring = False
        self._depths: list[Future[int]] = []
        #: Why the connection ended; the first that is known is the cause of the others.
        self._reason = ""
        #: Whether RabbitMQ ever confirmed an id.
        self.served = False

    def run(self) -> str:
        """Connect and publish; return why the connection ended, when it has."""
        self._connection = SelectConnection(
            self._parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_end,
            on_close_callback=self._on_end,
            custom_ioloop=self._loop,
        )
        try:
            self._loop.start()
        except Exception as error:
            self._reason = repr(error)
            self._abort()
            if not self._connection.is_closed:
                self._loop.start()  # one more round, in which the socket is closed
            raise
        finally:
            self._loop.close()
            self._refuse_unconfirmed(self._reason)
            for depth in self._depths:
                depth.set_exception(QueueError(self._reason))
        return self._reason

    def wake(self) -> None:
        """Have written what waits; many calls at a time are one."""
        if not self._awake:
            self._awake = True
            self._loop.add_callback_threadsafe(self._write)

    def ask_depth(self) -> "Future[int]":
        """Ask how many ids lie in the queue; answered as soon as there is a connection, or none can be had."""
        depth: Future[int] = Future()
        self._loop.add_callback_threadsafe(functools.partial(self._ask_depth, depth))
        return depth

    def finish(self) -> None:
        """End when all that waits was published and is settled."""
        self._loop.add_callback_threadsafe(self._finish)

    def abort(self) -> None:
        """End now."""
        self._loop.add_callback_threadsafe(self._abort)

    # From the connection to the queue.

    def _on_open(self, connection: SelectConnection) -> None:
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: pika.channel.Channel) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._on_channel_closed)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm)
        self._declare()

    def _declare(self) -> None:
        if not self._declaring:
            self._declaring = True
            self._channel.queue_declare(QUEUE, durable=True, arguments=self._arguments, callback=self._on_declared)

    def _on_declared(self, answer: "Method[pika.spec.Queue.DeclareOk]") -> None:
        self._declaring = False
        self._ready = True
        for depth in self._depths:
            depth.set_result(answer.method.message_count)
        self._depths.clear()
        self._write()

    def _ask_depth(self, depth: "Future[int]") -> None:
        if self._blocked:
            depth.set_exception(QueueError(self._blocked))
            return
        self._depths.append(depth)
        if self._ready:
            self._declare()

    # Ids go out.

    def _write(self) -> None:
        # Before anything else: who puts an id in from here on wakes us again, or is seen below.
        self._awake = False
        if self._blocked and self._waiting:
            self._refuse_waiting(self._blocked)
            self._write_again_later()
        elif self._ready and self._waiting and len(self._unconfirmed) < MOST_UNCONFIRMED:
            self._publish()
            self._write_again_later()
        elif self._waiting:
            self._awake = True  # it is written as soon as there is a queue, or room
        self._end_if_finished()

    def _write_again_later(self) -> None:
        self._awake = True
        if not self._timed:
            self._timed = True
            self._loop.call_later(_WRITE_EVERY_S, self._on_time)

    def _on_time(self) -> None:
        self._timed = False
        self._write()

    def _publish(self) -> None:
        messages = []
        while self._waiting and len(self._unconfirmed) < MOST_UNCONFIRMED:
            mail_id = self._waiting.popleft()
            self._unconfirmed.add(mail_id)
            messages.append(frames.publish(self._channel.channel_number, encode(mail_id)))
        # `basic_publish` makes three writes of each message, and each is a system call; there is no public way to join
        # them. A test holds this one.
        self._connection._output_marshaled_frames([b"".join(messages)])  # type: ignore[attr-defined] # noqa: SLF001

    # What became of them comes in.

    def _on_confirm(self, answer: "Method[Any]") -> None:
        confirm = answer.method
        ids = self._unconfirmed.take(confirm.delivery_tag, multiple=confirm.multiple)
        if isinstance(confirm, pika.spec.Basic.Nack):
            self._settle(ids, f"RabbitMQ refuses ids: has queue {QUEUE} a limit?")
        else:
            self.served = True
            returned = [mail_id for mail_id in ids if mail_id in self._returned]
            self._returned.difference_update(returned)
            self._settle(returned, f"there was no queue {QUEUE}; it is made anew")
            self._settle([mail_id for mail_id in ids if mail_id not in returned] if returned else ids, None)
        if self._waiting and not self._timed:
            self._write()
        self._end_if_finished()

    def _on_return(self, _channel: object, _method: object, _properties: object, body: bytes) -> None:
        self._returned.add(Message.decode(body).args[0])
        self._declare()

    def _on_blocked(self, _connection: object, notice: "Method[pika.spec.Connection.Blocked]") -> None:
        # For as long as it likes, it reads nothing; what it has not read by then it may still publish one day. To
        # connect again would only leave it more of the same: the connection is kept, and not used.
        self._blocked = f"RabbitMQ takes nothing: {notice.method.reason}"
        self._refuse_unconfirmed(self._blocked)
        self._write()

    def _on_unblocked(self, _connection: object, _notice: object) -> None:
        self._blocked = None
        self._write()

    def _refuse_unconfirmed(self, reason: str) -> None:
        self._settle(self._unconfirmed.take_all(), reason)

    def _refuse_waiting(self, reason: str) -> None:
        self._settle([self._waiting.popleft() for _ in range(len(self._waiting))], reason)

    def _settle(self, ids: list[str], refused: str | None) -> None:
        if ids:
            self._settled(ids, refused)

    # The end.

    def _finish(self) -> None:
        self._finishing = True
        self._write()

    def _end_if_finished(self) -> None:
        if self._finishing and self._ready and not self._waiting and not self._unconfirmed:
            self._ready = False
            self._connection.close()

    def _abort(self) -> None:
        # `close` would wait for the other end to agree; this is how pika's own heartbeat gives a connection up.
        if not self._connection.is_closed:
            self._connection._terminate_stream(QueueError("given up"))  # type: ignore[attr-defined] # noqa: SLF001

    def _on_channel_closed(self, _channel: object, reason: BaseException) -> None:
        if isinstance(reason, pika.exceptions.ChannelClosedByBroker):
            self._ready = False
            self._reason = misfit_of(QUEUE, reason)
            if self._connection.is_open:
                self._connection.close()

    def _on_end(self, _connection: object, reason: BaseException) -> None:
        self._ready = False
        self._reason = self._reason or reason_of(reason, self._parameters)
        self._loop.stop()
