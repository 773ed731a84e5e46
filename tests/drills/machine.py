"""Drills in which the machine fails the service: its database, its disk, its clock."""

import contextlib
import sqlite3
import time
from typing import Final

from tests.drills.expectations import attempts_are, clock_jumped, some_waited
from tests.drills.rig import Rig
from tests.drills.scenario import Scenario
from tests.drills.scripts import SLOW, first_tries, some_mails
from tests.integration.system import ask
from tests.servers.script import Delay

_LOCKED_S: Final = 5.0
_HOUR_S: Final = 3600

#: Mails with which the relay is slow; there are more threads than that.
_UNDER_WAY: Final = 5


def _lock_database(rig: Rig) -> None:
    rig.pause(0.4)
    rig.wait_for_mails_under_way()
    with contextlib.closing(sqlite3.connect(rig.database, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(_LOCKED_S / 2)
        assert _talk_s(rig) < 1, "talktome waited for the database"
        time.sleep(_LOCKED_S / 2)
        connection.execute("ROLLBACK")
    rig.trouble_ended()
    rig.pause(0.4)


def _clock_jumps_ahead(rig: Rig) -> None:
    rig.pause(0.5)
    rig.set_clock_wrong_by(_HOUR_S)
    rig.trouble_ended()
    rig.pause(0.5)


def _clock_jumps_ahead_of_mails_under_way(rig: Rig) -> None:
    rig.relay.follow(some_mails("END", _UNDER_WAY, Delay(rig.size.spell_s)))
    rig.pause(0.5)
    rig.set_clock_wrong_by(_HOUR_S)
    rig.spell()


def _clock_jumps_back_and_is_set_right(rig: Rig) -> None:
    rig.pause(0.5)
    rig.set_clock_wrong_by(-_HOUR_S)
    rig.pause(0.5)
    rig.set_clock_wrong_by(0)
    rig.trouble_ended()
    rig.pause(0.3)


def _talk_s(rig: Rig) -> float:
    """Talk to the log; returns how long that took, in seconds."""
    began = time.monotonic()
    assert ask(rig.system.address, "GET", "/?talktome").status == 200
    return time.monotonic() - began


def _talk_to_a_full_disk(rig: Rig) -> None:
    for _ in range(10):
        answer = ask(rig.system.address, "GET", "/?talktome")
        assert answer.status == 503, "said to be logged, and it is not"
        rig.pause(0.1)


#: With a first answer of "later" there are mails whose time is still to come when the clock is set.
_LATER: Final = first_tries("RCPT", 1, "451 4.7.1 try later")

_TRIED_TWICE: Final = (attempts_are(2), clock_jumped(_HOUR_S))

SCENARIOS: Final = [
    Scenario("clock jumps an hour ahead", 2, _clock_jumps_ahead, _LATER, clock=True, cuts=True, expects=_TRIED_TWICE),
    # As long a lease as anybody has: it is not renewed just then.
    Scenario(
        "clock jumps an hour ahead of mails under way",
        2,
        _clock_jumps_ahead_of_mails_under_way,
        environ={"LEASE": "2m"},
        clock=True,
        cuts=True,
        expects=(attempts_are(1), clock_jumped(_HOUR_S), some_waited),
    ),
    Scenario(
        "clock jumps an hour back, and is set right",
        2,
        _clock_jumps_back_and_is_set_right,
        _LATER,
        clock=True,
        cuts=True,
        expects=_TRIED_TWICE,
    ),
    Scenario("talktome's disk full", 6, _talk_to_a_full_disk, environ={"TALKTOME_LOG": "/dev/full"}, embedded=True),
    Scenario(
        "database locked for 5 s",
        1,
        _lock_database,
        SLOW,
        turns_down=True,
        answers_within_s=_LOCKED_S + 1,
    ),
]
