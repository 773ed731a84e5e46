"""What happens to a worker's mails when its process starts and ends: Dramatiq's middleware for both."""

import threading
from collections.abc import Callable
from typing import Any, Final

from dramatiq import Middleware
from dramatiq.broker import Broker

from workers.delivery import Delivery
from workers.leases import Leases

#: How long a stopping worker lets its conversations go on before it cuts them, in seconds; within the 15 s that all
#: of the stop may take.
GRACE_S: Final = 10.0


class Lifecycle(Middleware):
    """Renews leases while the worker runs, and gives its mails back when it has to end.

    Args:
        leases: started and stopped with the worker.
        delivery: told when the grace is over.
        forks: functions that Dramatiq's master runs in processes of their own, beside its workers.
    """

    def __init__(self, leases: Leases, delivery: Delivery, forks: list[Callable[[], int]]) -> None:
        self._leases = leases
        self._delivery = delivery
        self._forks = forks
        self._grace = threading.Timer(GRACE_S, delivery.give_back)
        self._grace.daemon = True

    @property
    def forks(self) -> list[Callable[[], int]]:
        return self._forks

    def after_worker_boot(self, _broker: Broker, _worker: Any) -> None:
        self._leases.start()

    def before_worker_shutdown(self, _broker: Broker, _worker: Any) -> None:
        self._grace.start()

    def after_worker_shutdown(self, _broker: Broker, _worker: Any) -> None:
        self._grace.cancel()
        self._leases.stop()
