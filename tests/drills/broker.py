"""Drills in which RabbitMQ goes away, hangs, blocks or forgets."""

from typing import Final

from tests.drills.expectations import attempts_are, retries_waited, some_waited
from tests.drills.rig import Rig
from tests.drills.scenario import Scenario
from tests.drills.scripts import first_tries
from tests.fixtures.waiting import until


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


def _away(rig: Rig) -> None:
    rig.broker.stop()
    rig.outage()
    rig.broker.start()
    rig.trouble_ended()


def _freeze(rig: Rig) -> None:
    rig.pause(0.3)
    rig.broker.freeze()
    rig.outage()
    # Until its heartbeats were missed, however long that takes.
    rig.system.workers.wait_for_line("Consumer encountered")
    rig.broker.thaw()
    rig.trouble_ended()


def _alarm(rig: Rig) -> None:
    rig.pause(0.3)
    rig.broker.ctl("set_vm_memory_high_watermark", "0.0001")
    rig.spell()
    rig.broker.ctl("set_vm_memory_high_watermark", "0.4")
    rig.trouble_ended()


def _wipe_while_mails_wait(rig: Rig) -> None:
    rig.system.workers.stop(within_s=15)
    until(lambda: rig.query("SELECT count(*) FROM mails WHERE state = 'queued' AND published")[0][0] > 0)
    rig.pause(0.8)
    rig.broker.stop()
    rig.broker.wipe()
    rig.system.start_workers()
    rig.trouble_ended()


SCENARIOS: Final = [
    Scenario("broker restarted", 1, _restart),
    Scenario("broker killed", 1, _kill),
    Scenario("broker away", 1, _away, expects=(some_waited,)),
    Scenario("broker frozen", 1, _freeze, heartbeats=True, expects=(some_waited,)),
    Scenario(
        "broker out of memory while retries wait",
        1,
        _alarm,
        first_tries("RCPT", 2, "451 4.7.1 try later"),
        expects=(attempts_are(3), retries_waited),
    ),
    Scenario("broker's data wiped while mails wait", 1, _wipe_while_mails_wait),
]
