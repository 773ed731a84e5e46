"""Drills in which the machine fails the service: its database, its disk, its clock."""

import contextlib
import sqlite3
import time
from typing import Final

from tests.drills.relay import first_tries
from tests.drills.rig import Rig
from tests.drills.scenario import Scenario
from tests.integration.system import ask

_LOCKED_S: Final = 5.0
_HOUR_S: Final = 3600


def _lock_database(rig: Rig) -> None:
    rig.pause(0.4)
    with contextlib.closing(sqlite3.connect(rig.database, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(_LOCKED_S)
        connection.execute("ROLLBACK")
    rig.trouble_ended()
    rig.pause(0.4)


def _clock_jumps_ahead(rig: Rig) -> None:
    rig.pause(0.4)
    rig.system.restart_at_clock(_HOUR_S)
    rig.trouble_ended()
    rig.pause(0.4)


def _clock_jumps_back_and_is_set_right(rig: Rig) -> None:
    rig.pause(0.3)
    rig.system.restart_at_clock(-_HOUR_S)
    rig.pause(0.3)
    rig.system.restart_at_clock(0)
    rig.trouble_ended()
    rig.pause(0.3)


def _talk_to_a_full_disk(rig: Rig) -> None:
    for _ in range(10):
        answer = ask(rig.system.address, "GET", "/?talktome")
        assert answer.status == 503, "said to be logged, and it is not"
        rig.pause(0.1)


#: With a first answer of "later" there are mails whose time is still to come when the clock is set.
_LATER: Final = first_tries("RCPT", 1, "451 4.7.1 try later")

SCENARIOS: Final = [
    Scenario("clock an hour ahead", 1, _clock_jumps_ahead, script=_LATER),
    Scenario("clock an hour behind", 1, _clock_jumps_back_and_is_set_right, script=_LATER),
    Scenario("talktome's disk full", 6, _talk_to_a_full_disk, environ={"TALKTOME_LOG": "/dev/full"}, embedded=True),
    Scenario("database locked for 5 s", 1, _lock_database),
]
