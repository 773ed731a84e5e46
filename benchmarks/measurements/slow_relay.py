"""Delivered mails/s with a relay that is 50 ms late with each answer, by two processes with 16 threads each."""

import time
from collections.abc import Mapping
from typing import Final

from benchmarks.clocked_relay import ClockedRelay
from benchmarks.figures import Figure
from benchmarks.ground import FIRST_RECIPIENT, Ground
from benchmarks.measurement import Measurement, Scale
from benchmarks.systems import CELERY, CELERY_KEPT, DRAMATIQ, OURS, System

SLOW_DELIVERIES: Final = Figure("delivered to a relay that is 50 ms late", "mails/s")

_DELAY_MS: Final = 50
#: Far more mails than are delivered while it is measured.
_FILL_S: Final = 2
_START_S: Final = 30.0
#: From the first mail until all threads are at work.
_WARM_UP_S: Final = 2.0


def measure(ground: Ground, system: System, scale: Scale) -> Mapping[Figure, float]:
    with (
        ground.folder() as folder,
        ClockedRelay(folder, _DELAY_MS) as relay,
        ground.run(system, folder, relay.address) as run,
    ):
        run.start_web()
        run.fill(_FILL_S)
        run.start_workers()
        relay.wait_for([FIRST_RECIPIENT], _START_S)
        time.sleep(_WARM_UP_S)
        began, before = time.monotonic(), len(relay.arrivals())
        time.sleep(scale.load_s)
        delivered, took_s = len(relay.arrivals()) - before, time.monotonic() - began
    return {SLOW_DELIVERIES: delivered / took_s}


SLOW_RELAY: Final = Measurement("slow-relay", measure, [OURS, DRAMATIQ, CELERY, CELERY_KEPT])
