"""Accepts/s on the web side alone and through Nginx, what they cost, and how long a start takes; no worker runs."""

import time
from collections.abc import Mapping
from typing import Final

from benchmarks import processes, wrk
from benchmarks.figures import Figure
from benchmarks.ground import Ground
from benchmarks.measurement import Measurement, Scale
from benchmarks.sink import Sink
from benchmarks.systems import CELERY, CELERY_UNCONFIRMED, DRAMATIQ, EMPTY, OURS, System

ACCEPTS: Final = Figure("accepts, web side alone", "/s")
ACCEPTS_NGINX: Final = Figure("accepts through Nginx", "/s")
WEB_CPU: Final = Figure("CPU of the web side for 1,000 accepts", "s", more_is_better=False, decimals=2)
BROKER_CPU: Final = Figure("CPU of RabbitMQ for 1,000 accepts", "s", more_is_better=False, decimals=2)
START: Final = Figure("start to first 202", "s", more_is_better=False, decimals=2)

_WARM_UP_S: Final = 1
#: Publishing may lag behind the answers, and belongs to their cost.
_SETTLE_S: Final = 0.5


def measure(ground: Ground, system: System, scale: Scale) -> Mapping[Figure, float]:
    with ground.folder() as folder, Sink(folder) as sink, ground.run(system, folder, sink.address) as run:
        started_s = run.start_web()
        wrk.send_mails(run.address, _WARM_UP_S, folder)
        time.sleep(_SETTLE_S)
        web_s, broker_s = processes.cpu_s(run.web_pids), processes.cpu_s(run.broker_pids)
        alone = wrk.send_mails(run.address, scale.load_s, folder)
        time.sleep(_SETTLE_S)
        web_s, broker_s = processes.cpu_s(run.web_pids) - web_s, processes.cpu_s(run.broker_pids) - broker_s
        edge = wrk.send_mails(run.start_nginx(), scale.load_s, folder)
    figures = {
        ACCEPTS: alone.per_s,
        ACCEPTS_NGINX: edge.per_s,
        WEB_CPU: web_s / alone.requests * 1000,
        START: started_s,
    }
    if system.queue:
        figures[BROKER_CPU] = broker_s / alone.requests * 1000
    return figures


ACCEPTING: Final = Measurement("accepting", measure, [OURS, DRAMATIQ, CELERY, CELERY_UNCONFIRMED, EMPTY])
