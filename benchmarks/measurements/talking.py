"""talktome/s, with one web process each."""

from collections.abc import Mapping
from typing import Final

from benchmarks import wrk
from benchmarks.figures import Figure
from benchmarks.ground import Ground
from benchmarks.measurement import Measurement, Scale
from benchmarks.sink import Sink
from benchmarks.systems import CELERY_ONE_PROCESS, DRAMATIQ, OURS, System

TALKTOMES: Final = Figure("talktome, one web process", "/s")

_WARM_UP_S: Final = 1


def measure(ground: Ground, system: System, scale: Scale) -> Mapping[Figure, float]:
    with ground.folder() as folder, Sink(folder) as sink, ground.run(system, folder, sink.address) as run:
        run.start_web()
        wrk.talk(run.address, _WARM_UP_S, folder)
        return {TALKTOMES: wrk.talk(run.address, scale.load_s, folder).per_s}


TALKING: Final = Measurement("talking", measure, [OURS, DRAMATIQ, CELERY_ONE_PROCESS])
