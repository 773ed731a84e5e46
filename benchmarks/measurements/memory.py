"""Memory of web and workers: of all at rest, and of ours while a great many mails go through it."""

import time
from collections.abc import Mapping
from typing import Final

from benchmarks import processes, wrk
from benchmarks.figures import Figure
from benchmarks.ground import Ground, Run
from benchmarks.measurement import Measurement, Scale
from benchmarks.sink import Sink
from benchmarks.systems import CELERY, DRAMATIQ, OURS, System

AT_REST: Final = Figure("memory at rest, web + workers, RSS", "MiB", more_is_better=False)
AT_REST_SHARED: Final = Figure("memory at rest, web + workers, PSS", "MiB", more_is_better=False)
AFTER_A_TENTH: Final = Figure("memory after a tenth of the mails", "MiB", more_is_better=False)
AFTER_ALL: Final = Figure("memory after all mails", "MiB", more_is_better=False)

_START_S: Final = 30.0
_REST_S: Final = 2.0
#: Mails are asked for in portions, so that no more than one portion waits.
_PORTION_S: Final = 2
_DELIVERED_S: Final = 180.0


def at_rest(ground: Ground, system: System, _scale: Scale) -> Mapping[Figure, float]:
    with ground.folder() as folder, Sink(folder) as sink, ground.run(system, folder, sink.address) as run:
        run.start_web()
        run.start_workers()
        sink.wait_for(1, _START_S)
        pids = _at_rest(run)
        return {AT_REST: processes.rss_mib(pids), AT_REST_SHARED: processes.pss_mib(pids)}


def in_the_long_run(ground: Ground, system: System, scale: Scale) -> Mapping[Figure, float]:
    with ground.folder() as folder, Sink(folder) as sink, ground.run(system, folder, sink.address) as run:
        run.start_web()
        run.start_workers()
        _send(run, sink, scale.mails // 10)
        early = processes.pss_mib(_at_rest(run))
        _send(run, sink, scale.mails)
        return {AFTER_A_TENTH: early, AFTER_ALL: processes.pss_mib(_at_rest(run))}


def _send(run: Run, sink: Sink, mails: int) -> None:
    """Have mails sent until the sink has so many."""
    while (sent := sink.count()) < mails:
        asked = wrk.send_mails(run.address, _PORTION_S, run.folder).requests
        sink.wait_for(sent + asked, _DELIVERED_S)


def _at_rest(run: Run) -> list[int]:
    """The processes of web and workers, once they have come to rest."""
    time.sleep(_REST_S)
    return [*run.web_pids, *run.worker_pids]


MEMORY: Final = Measurement("memory", at_rest, [OURS, DRAMATIQ, CELERY], once=True)
MEMORY_LONG: Final = Measurement("memory-long", in_the_long_run, [OURS], once=True)
