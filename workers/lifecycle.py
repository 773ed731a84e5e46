"""What happens to a worker's mails when its process starts and ends: Dramatiq's middleware for both."""

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from dramatiq import Middleware, Worker
from dramatiq.broker import Broker, MessageProxy

from messaging.outbox.clock import clock_ms
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.heartbeats import Heartbeats
from workers.delivery import Delivery
from workers.dispatcher_thread import DispatcherThread
from workers.leases import Leases
from workers.pulse import Pulse
from workers.threads import WorkerThreads
from workers.transports.transport import Transport

_LOG: Final = logging.getLogger(__name__)

#: How long a stopping worker lets its conversations go on before it cuts them, in seconds; those in which only the
#: relay's last answer is missing, since to cut them may make a duplicate; and how long it waits for a database in which
#: the results cannot be written down. All of the stop may take 15 s: Dramatiq takes up to a second before it begins and
#: another after it, a broker that hangs one, a locked database one more.
GRACE_S: Final = 8.0
LAST_ANSWER_S: Final = 9.0
GIVE_UP_S: Final = 9.5

#: How long the end itself may wait for the database, in seconds, once no mail is in hand: nothing depends on it.
_FAREWELL_S: Final = 1.0


class Lifecycle(Middleware):
    """Keeps a worker's pulse while it runs, and gives its mails back when it has to end.

    Args:
        delivery: told when conversations have to end.
        leases: renewed at every beat.
        heartbeats: where this worker says that it lives.
        transport: tidied at every beat, closed at the end.
        dispatcher_thread: started where no dispatcher is seen, ended with the worker.
        lease_s: how long a lease lasts.
        forks: functions that Dramatiq's master runs in processes of their own, beside its workers.
        hurry: has nobody here wait for the database any longer.
    """

    def __init__(
        self,
        delivery: Delivery,
        leases: Leases,
        heartbeats: Heartbeats,
        transport: Transport,
        dispatcher_thread: DispatcherThread,
        lease_s: float,
        forks: list[Callable[[], int]],
        hurry: Callable[[], None],
    ) -> None:
        self._delivery = delivery
        self._leases = leases
        self._heartbeats = heartbeats
        self._transport = transport
        self._dispatcher_thread = dispatcher_thread
        self._forks = forks
        self._hurry = hurry
        self._threads = WorkerThreads()
        self._started_at = 0
        self._worker: Worker | None = None
        duties = [
            leases.renew,
            self._beat,
            transport.tidy,
            self._replace_dead_threads,
            dispatcher_thread.start_if_missed,
        ]
        self._pulse = Pulse(duties, lease_s)
        self._cuts = [
            threading.Timer(GRACE_S, delivery.give_back),
            threading.Timer(LAST_ANSWER_S, delivery.break_off),
            threading.Timer(GIVE_UP_S, self._give_up),
        ]
        self._farewell = threading.Timer(_FAREWELL_S, hurry)
        for timer in (*self._cuts, self._farewell):
            timer.daemon = True

    @property
    def forks(self) -> list[Callable[[], int]]:
        return self._forks

    def after_worker_boot(self, _broker: Broker, worker: Worker) -> None:
        self._worker = worker
        self._started_at = clock_ms()
        self._pulse.start()

    def before_worker_shutdown(self, _broker: Broker, worker: Worker) -> None:
        self._worker = None
        # Dramatiq would do so when all mails are done, and one that is just connecting takes seconds to notice. What is
        # done from here on is acknowledged when they are closed.
        for consumer in worker.consumers.values():
            consumer.stop()
        self._dispatcher_thread.stop()
        for cut in self._cuts:
            cut.start()

    def after_worker_shutdown(self, _broker: Broker, _worker: Any) -> None:
        for cut in self._cuts:
            cut.cancel()
        self._farewell.start()
        self._pulse.stop()
        self._dispatcher_thread.join()
        self._transport.close()
        try:
            self._heartbeats.end(self._started_at)
        except OutboxUnavailableError as error:
            _LOG.warning("this worker's end is not written down: %s", error)
        self._farewell.cancel()

    def before_process_message(self, _broker: Broker, message: MessageProxy) -> None:
        self._threads.begin(message)

    def after_ack(self, _broker: Broker, _message: MessageProxy) -> None:
        self._threads.end()

    def after_nack(self, _broker: Broker, _message: MessageProxy) -> None:
        self._threads.end()

    def _give_up(self) -> None:
        self._delivery.give_up()
        self._hurry()

    def _beat(self) -> None:
        self._heartbeats.beat(self._started_at, self._leases.count())

    def _replace_dead_threads(self) -> None:
        if worker := self._worker:
            self._threads.replace_dead(worker)
