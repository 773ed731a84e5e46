"""Drills in which processes of ours die or are told to stop."""

import os
import signal
from typing import Final

from stack.family import descendants
from tests.drills.rig import Rig
from tests.drills.scenario import IN_HAND, Scenario
from tests.fixtures.waiting import until
from tests.servers.script import Delay, Script

_KILLS: Final = 2

#: The relay takes its time, so that there is always something under way.
_SLOW: Final[Script] = {"END": Delay(0.2)}


def _kill_web(rig: Rig) -> None:
    for _ in range(_KILLS):
        rig.pause(0.3)
        rig.system.web.kill()
        rig.system.start_web()
    rig.pause(0.3)


def _stop_web(rig: Rig) -> None:
    rig.pause(0.5)
    assert rig.system.web.stop(within_s=15) == 0
    rig.system.start_web()
    rig.pause(0.4)


def _kill_worker_child(rig: Rig) -> None:
    for _ in range(_KILLS):
        rig.pause(0.3)
        child = descendants(rig.system.workers.process.pid)[0]
        os.kill(child.pid, signal.SIGKILL)
        # Dramatiq's master ends the others then, and itself; whoever runs it starts it again.
        rig.system.workers.wait(15)
        rig.system.start_workers()
    rig.pause(0.3)


def _kill_worker_master(rig: Rig) -> None:
    for _ in range(_KILLS):
        rig.pause(0.3)
        rig.system.workers.signal(signal.SIGKILL)
        rig.system.workers.process.wait()
        until(lambda: not rig.system.workers.survivors(), 10)
        rig.system.start_workers()
    rig.pause(0.3)


def _stop_workers(rig: Rig) -> None:
    for _ in range(_KILLS):
        rig.pause(0.3)
        assert rig.system.workers.stop(within_s=15) == 0
        rig.system.start_workers()
    rig.pause(0.3)


def _kill_everything(rig: Rig) -> None:
    rig.pause(0.5)
    rig.system.web.kill()
    rig.system.workers.kill()
    rig.broker.kill()
    rig.broker.start()
    rig.system.start_web()
    rig.system.start_workers()
    rig.pause(0.4)


def _kill_embedded(rig: Rig) -> None:
    for _ in range(_KILLS):
        rig.pause(0.3)
        rig.system.web.kill()
        rig.system.start_web()
    rig.pause(0.3)


SCENARIOS: Final = [
    Scenario("web process killed", 1, _kill_web, script=_SLOW),
    Scenario("web process stopped", 1, _stop_web, script=_SLOW),
    Scenario("worker child killed", 2, _kill_worker_child, script=_SLOW, may_double=_KILLS * IN_HAND),
    Scenario("worker master killed", 2, _kill_worker_master, script=_SLOW, may_double=_KILLS * IN_HAND),
    Scenario("workers stopped", 2, _stop_workers, script=_SLOW),
    Scenario("everything killed", 1, _kill_everything, script=_SLOW, may_double=IN_HAND, recovers_within_s=60),
    Scenario("embedded mode killed", 1, _kill_embedded, script=_SLOW, embedded=True, may_double=_KILLS * IN_HAND),
    Scenario("embedded mode stopped", 2, _stop_web, script=_SLOW, embedded=True),
]
