"""Drills in which the machine fails the service: its database, its disk, its clock."""

import contextlib
import sqlite3
import time
from typing import Final

from tests.drills.rig import Rig
from tests.drills.scenario import Scenario

_LOCKED_S: Final = 5.0


def _lock_database(rig: Rig) -> None:
    rig.pause(0.4)
    with contextlib.closing(sqlite3.connect(rig.database, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(_LOCKED_S)
        connection.execute("ROLLBACK")
    rig.trouble_ended()
    rig.pause(0.4)


SCENARIOS: Final = [
    Scenario("database locked for 5 s", 1, _lock_database),
]
