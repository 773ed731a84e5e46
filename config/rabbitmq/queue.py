"""Publishes ids to RabbitMQ from a thread of its own, on one connection after the other."""

import copy
import logging
import threading
from collections import deque
from typing import Final

import pika.connection

from config.mail_queue import QueueError, Settled
from config.message import QUEUE
from config.rabbitmq.broker import RabbitBroker
from config.rabbitmq.session import Session

_LOG: Final = logging.getLogger(__name__)

#: Most ids that wait for a connection or for room on it, about 100 bytes each.
MOST_WAITING: Final = 20_000

#: Waits before the next round through the hosts, by how many failed in a row, in seconds; the last one stays.
_PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)

#: Wait for an answer about the queue's depth, in seconds.
_DEPTH_WITHIN_S: Final = 5.0

#: Wait for a thread that was told to give up, in seconds.
_ABORT_S: Final = 1.0


class RabbitQueue:
    """The way to RabbitMQ: connects, and connects again to the next host, for as long as it is open.

    Ids wait while a round through all hosts goes on, and are refused when it failed.

    Args:
        broker: knows the hosts, and how the queue is declared.
    """

    def __init__(self, broker: RabbitBroker) -> None:
        self._hosts = [_patient(parameters) for parameters in broker.parameters]
        self._arguments = broker.queue_arguments(QUEUE)
        self._waiting: deque[str] = deque()
        self._session: Session | None = None
        #: Why there is no connection.
        self._reason = "there is no connection to RabbitMQ yet"
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher-io", daemon=True)

    def open(self, settled: Settled) -> None:
        self._settled = settled
        self._thread.start()

    def put(self, mail_id: str) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._settled([mail_id], f"{MOST_WAITING} ids are waiting already")
            return
        self._waiting.append(mail_id)
        session = self._session
        if session:
            session.wake()

    def depth(self) -> int:
        session = self._session
        if session is None:
            raise QueueError(self._reason)
        try:
            return session.ask_depth().result(_DEPTH_WITHIN_S)
        except TimeoutError:
            raise QueueError(f"RabbitMQ does not say how much lies in queue {QUEUE}") from None

    def close(self, timeout_s: float) -> None:
        self._closing.set()
        session = self._session
        if session:
            session.finish()
        self._thread.join(timeout_s)
        session = self._session
        if session:
            session.abort()
        self._thread.join(_ABORT_S)

    def _run(self) -> None:
        host = failures = 0
        while not self._closing.is_set():
            served = self._use(self._hosts[host])
            host = (host + 1) % len(self._hosts)
            failures = 0 if served else failures + 1
            rounds, rest = divmod(failures, len(self._hosts))
            if rounds and not rest:
                self._refuse_waiting()
            if not rest:
                self._closing.wait(_PAUSES_S[min(rounds, len(_PAUSES_S) - 1)])
        self._refuse_waiting()

    def _use(self, host: pika.connection.Parameters) -> bool:
        """Publish by one host for as long as its connection holds; True if it ever took an id."""
        try:
            session = self._session = Session(host, self._arguments, self._waiting, self._settled)
            if self._closing.is_set():
                session.finish()
            self._reason = session.run()
            return session.served
        except Exception as error:
            # Whatever it is, a thread that ends would look like a broker that is away for ever.
            _LOG.exception("the connection to RabbitMQ failed in a way that nobody thought of")
            self._reason = repr(error)
            return False
        finally:
            self._session = None

    def _refuse_waiting(self) -> None:
        ids = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if ids:
            self._settled(ids, self._reason)


def _patient(parameters: pika.connection.URLParameters) -> pika.connection.URLParameters:
    """Without a limit for being blocked: a session does not wait in it, and does better with its connection."""
    parameters = copy.copy(parameters)
    parameters.blocked_connection_timeout = None
    return parameters
