"""Drills in which RabbitMQ goes away, hangs, blocks or forgets."""

from typing import Final

from tests.drills.rig import Rig
from tests.drills.scenario import Scenario
from tests.drills.tally import Tally


def _restart(rig: Rig) -> None:
    rig.pause(0.4)
    rig.broker.stop()
    rig.broker.start()
    rig.pause(0.4)
    rig.trouble_ended()


def _kill(rig: Rig) -> None:
    rig.pause(0.4)
    rig.broker.kill()
    rig.broker.start()
    rig.pause(0.4)
    rig.trouble_ended()


def _away_for_the_whole_load(rig: Rig) -> None:
    rig.broker.stop()
    rig.pause(1.0)
    rig.broker.start()
    rig.trouble_ended()


def _freeze(rig: Rig) -> None:
    rig.pause(0.3)
    rig.broker.freeze()
    rig.pause(0.6)
    rig.broker.thaw()
    rig.trouble_ended()


def _alarm(rig: Rig) -> None:
    rig.pause(0.3)
    rig.broker.ctl("set_vm_memory_high_watermark", "0.0001")
    rig.pause(0.6)
    rig.broker.ctl("set_vm_memory_high_watermark", "0.4")
    rig.trouble_ended()


def _wipe_while_mails_wait(rig: Rig) -> None:
    rig.system.workers.stop(within_s=15)
    rig.pause(0.8)
    rig.broker.stop()
    rig.broker.wipe()
    rig.broker.start()
    rig.system.start_workers()
    rig.trouble_ended()


def _answers_at_once(_rig: Rig, tally: Tally) -> None:
    assert tally.longest_s < 3, "a request waited for the broker"


#: The relay asks to be tried again once, so that there are retries while the broker is in trouble.
_BUSY_AT_FIRST: Final = {"RETRY_SCHEDULE": "1s,1s,1s,1s,1s,1s"}

SCENARIOS: Final = [
    Scenario("broker restarted", 1, _restart, also=_answers_at_once),
    Scenario("broker killed", 1, _kill, also=_answers_at_once),
    Scenario("broker away for the whole load", 1, _away_for_the_whole_load, also=_answers_at_once),
    Scenario("broker frozen", 1, _freeze, also=_answers_at_once, recovers_within_s=60),
    Scenario("broker out of memory", 1, _alarm, environ=_BUSY_AT_FIRST, also=_answers_at_once),
    Scenario(
        "broker's data wiped while mails wait", 1, _wipe_while_mails_wait, whole_broker=True, recovers_within_s=90
    ),
]
