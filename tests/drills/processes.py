"""Drills in which processes of ours die or are told to stop."""

import os
import signal
import time
from typing import Final

from messaging.outbox.heartbeats import Role
from stack.family import is_alive, member_of
from tests.drills.expectations import attempts_are, retries_waited
from tests.drills.rig import Rig
from tests.drills.scenario import Scenario
from tests.drills.scripts import SLOW, first_tries
from tests.fixtures.waiting import until
from tests.servers.script import Delay

#: Mails that the threads of a worker process have in hand at the most; the embedded mode has as many.
_IN_HAND: Final = 8


def _kill_web(rig: Rig) -> None:
    rig.pause(0.5)
    rig.wait_for_mails_under_way()
    with rig.web_is_away():
        rig.system.web.kill()
        rig.was_killed()
        rig.system.start_web()
    rig.pause(0.4)


def _stop_web(rig: Rig) -> None:
    rig.pause(0.5)
    rig.wait_for_mails_under_way()
    with rig.web_is_away():
        assert rig.system.web.stop(within_s=15) == 0
        rig.system.start_web()
    rig.pause(0.4)


def _kill_worker_child(rig: Rig) -> None:
    rig.pause(0.5)
    pid, _ = rig.system.pids(Role.WORKER)
    child = member_of(pid)
    assert child
    rig.wait_for_mails_under_way()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(child))
    rig.was_killed()
    # Dramatiq's master ends the others then, and itself; whoever runs it starts it again.
    rig.system.workers.wait(15)
    rig.system.start_workers()
    rig.pause(0.4)


def _kill_worker_master(rig: Rig) -> None:
    rig.pause(0.5)
    rig.wait_for_mails_under_way()
    rig.system.workers.signal(signal.SIGKILL)
    rig.system.workers.process.wait()
    until(lambda: not rig.system.workers.survivors(), 10)
    rig.was_killed()
    rig.system.start_workers()
    rig.pause(0.4)


def _freeze_worker(rig: Rig) -> None:
    rig.pause(0.5)
    pid, _ = rig.system.pids(Role.WORKER)
    # Most of what it has in hand then has still to be said.
    rig.relay.follow({"RCPT": Delay(0.2)})
    rig.wait_for_mails_under_way()
    os.kill(pid, signal.SIGSTOP)
    while not rig.database_is_free():  # it would be locked for all: that is another drill
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.01)
        os.kill(pid, signal.SIGSTOP)
    rig.relay.follow({})
    # Of what it has said all, another one has to send it again.
    rig.was_killed()
    rig.spell()
    os.kill(pid, signal.SIGCONT)
    rig.pause(0.4)


def _kill_dispatcher(rig: Rig) -> None:
    rig.pause(0.5)
    (dispatcher,) = rig.system.pids(Role.DISPATCHER)
    os.kill(dispatcher, signal.SIGKILL)
    until(lambda: rig.system.pids(Role.DISPATCHER) - {dispatcher}, 30)
    rig.trouble_ended()


def _stop_workers(rig: Rig) -> None:
    rig.pause(0.5)
    rig.wait_for_mails_under_way()
    assert rig.system.workers.stop(within_s=15) == 0
    rig.system.start_workers()
    rig.pause(0.4)


def _kill_everything(rig: Rig) -> None:
    rig.pause(0.5)
    rig.wait_for_mails_under_way()
    with rig.web_is_away():
        rig.system.web.kill()
        rig.system.workers.kill()
        rig.was_killed()
        rig.broker.kill()
        rig.broker.start()
        rig.system.start_web()
    rig.system.start_workers()
    rig.pause(0.4)


SCENARIOS: Final = [
    Scenario("web process killed", 1, _kill_web, SLOW, cuts=True),
    Scenario("web process stopped", 1, _stop_web, SLOW),
    Scenario("worker child killed", 2, _kill_worker_child, SLOW, kills_with=_IN_HAND),
    Scenario("worker master killed", 2, _kill_worker_master, SLOW, kills_with=2 * _IN_HAND),
    Scenario("worker frozen for longer than leases", 2, _freeze_worker, kills_with=_IN_HAND),
    Scenario("workers stopped", 2, _stop_workers, SLOW),
    Scenario(
        "dispatcher killed while retries wait",
        2,
        _kill_dispatcher,
        first_tries("RCPT", 1, "451 4.7.1 try later"),
        workers="tests.integration.impatient_workers",
        expects=(attempts_are(2), retries_waited),
    ),
    Scenario("everything killed", 1, _kill_everything, SLOW, cuts=True, kills_with=2 * _IN_HAND),
    Scenario("embedded mode killed", 1, _kill_web, SLOW, embedded=True, cuts=True, kills_with=_IN_HAND),
    Scenario("embedded mode stopped", 2, _stop_web, SLOW, embedded=True),
]
