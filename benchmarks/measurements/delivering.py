"""Delivered mails/s from a full queue, by two worker processes, and what they cost."""

from collections.abc import Mapping
from typing import Final

from benchmarks import processes
from benchmarks.figures import Figure
from benchmarks.ground import Ground
from benchmarks.measurement import Measurement, Scale
from benchmarks.sink import Sink
from benchmarks.systems import CELERY, CELERY_KEPT, DRAMATIQ, OURS, System

DELIVERIES: Final = Figure("delivered from a full queue", "mails/s")
WORKER_CPU: Final = Figure("CPU of the workers for 1,000 mails", "s", more_is_better=False, decimals=2)
BROKER_CPU: Final = Figure("CPU of RabbitMQ for 1,000 deliveries", "s", more_is_better=False, decimals=2)

#: The queue is filled for longer than a load: delivering has to take a while, too.
_FILL_FOR: Final = 1.5
_START_S: Final = 30.0
_LONGEST_S: Final = 180.0


def measure(ground: Ground, system: System, scale: Scale) -> Mapping[Figure, float]:
    with ground.folder() as folder, Sink(folder) as sink, ground.run(system, folder, sink.address) as run:
        run.start_web()
        mails = run.fill(round(scale.load_s * _FILL_FOR)).requests
        run.stop_web()
        run.start_workers()
        began = sink.wait_for(1, _START_S)
        # The start of the workers is no part of it.
        workers_s, broker_s = processes.cpu_s(run.worker_pids), processes.cpu_s(run.broker_pids)
        took_s = sink.wait_for(mails, _LONGEST_S) - began
        workers_s, broker_s = processes.cpu_s(run.worker_pids) - workers_s, processes.cpu_s(run.broker_pids) - broker_s
    return {
        DELIVERIES: mails / took_s,
        WORKER_CPU: workers_s / mails * 1000,
        BROKER_CPU: broker_s / mails * 1000,
    }


DELIVERING: Final = Measurement("delivering", measure, [OURS, DRAMATIQ, CELERY, CELERY_KEPT])
