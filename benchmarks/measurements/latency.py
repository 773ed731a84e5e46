"""Milliseconds from a request to its mail at the relay, on an idle machine and at half load."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from statistics import quantiles
from typing import Final

from benchmarks.clocked_relay import ClockedRelay
from benchmarks.errors import MeasureError
from benchmarks.figures import Figure
from benchmarks.ground import FIRST_RECIPIENT, Ground
from benchmarks.measurement import Measurement, Scale
from benchmarks.systems import CELERY, DRAMATIQ, OURS, System
from tests.integration.system import ask


def _figure(when: str, percentile: int) -> Figure:
    return Figure(f"request to relay, {when}, p{percentile}", "ms", more_is_better=False, decimals=2)


IDLE_P50: Final = _figure("idle", 50)
IDLE_P99: Final = _figure("idle", 99)
BUSY_P50: Final = _figure("half load", 50)
BUSY_P99: Final = _figure("half load", 99)

_IDLE_PER_S: Final = 40
#: Half of what two processors sustain of the slowest, accepting and delivering at once.
_BUSY_PER_S: Final = 250
_CLIENTS: Final = 8
_START_S: Final = 30.0
_ARRIVE_S: Final = 30.0
_WARM_UP_S: Final = 1


def measure(ground: Ground, system: System, scale: Scale) -> Mapping[Figure, float]:
    with (
        ground.folder() as folder,
        ClockedRelay(folder, 0) as relay,
        ground.run(system, folder, relay.address) as run,
    ):
        run.start_web()
        run.start_workers()
        relay.wait_for([FIRST_RECIPIENT], _START_S)
        relay.wait_for(_send(run.address, "warm", _IDLE_PER_S, _WARM_UP_S), _ARRIVE_S)
        idle = _times_to_relay(run.address, relay, "idle", _IDLE_PER_S, 2 * scale.load_s)
        busy = _times_to_relay(run.address, relay, "busy", _BUSY_PER_S, scale.load_s)
    return {
        IDLE_P50: idle[49],
        IDLE_P99: idle[98],
        BUSY_P50: busy[49],
        BUSY_P99: busy[98],
    }


def _times_to_relay(address: str, relay: ClockedRelay, name: str, per_s: int, seconds: int) -> list[float]:
    """Milliseconds from request to relay, the 99 percentiles."""
    sent = _send(address, name, per_s, seconds)
    relay.wait_for(sent, _ARRIVE_S)
    arrived = relay.arrivals()
    return quantiles([(arrived[recipient] - at) / 1e6 for recipient, at in sent.items()], n=100, method="inclusive")


def _send(address: str, name: str, per_s: int, seconds: int) -> dict[str, int]:
    """Ask for mails at a steady rate, each on a connection of its own as curl does; returns when (ns), by recipient."""
    began = time.monotonic()

    def send(number: int) -> tuple[str, int]:
        time.sleep(max(0.0, began + number / per_s - time.monotonic()))
        recipient = f"{name}{number}@example.com"
        at = time.monotonic_ns()
        status = ask(address, "GET", f"/?sendmail={recipient}").status
        if status != HTTPStatus.ACCEPTED:
            raise MeasureError(f"{status} for a mail at {per_s} a second")
        return recipient, at

    with ThreadPoolExecutor(_CLIENTS) as clients:
        return dict(clients.map(send, range(per_s * seconds)))


LATENCY: Final = Measurement("latency", measure, [OURS, DRAMATIQ, CELERY])
