"""Accepts/s and delivered mails/s with an outbox that already holds ever so many mails."""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import wrk
from benchmarks.figures import Figure
from benchmarks.ground import Ground, Run
from benchmarks.measurement import Measurement, Scale
from benchmarks.sink import Sink
from benchmarks.systems import OURS, System

FULL_ACCEPTS: Final = Figure("accepts with a full outbox", "/s")
FULL_DELIVERIES: Final = Figure("delivered with a full outbox", "mails/s")

#: How many finished mails are there before it begins.
_ROWS: Final = {
    "10,000 mails": 10_000,
    "100,000 mails": 100_000,
    "1,000,000 mails": 1_000_000,
}
_SYSTEMS: Final = [replace(OURS, name=name) for name in _ROWS]
SOME: Final = _SYSTEMS[0]
MANY: Final = _SYSTEMS[-1]

_START_S: Final = 30.0
_DELIVERED_S: Final = 180.0
_WARM_UP_S: Final = 1


def measure(ground: Ground, system: System, scale: Scale) -> Mapping[Figure, float]:
    with ground.folder() as folder, Sink(folder) as sink, ground.run(system, folder, sink.address) as run:
        shutil.copy(_filled(ground, system), run.database)
        run.start_web()
        wrk.send_mails(run.address, _WARM_UP_S, folder)
        accepted = run.fill(scale.load_s)
        run.stop_web()
        run.start_workers()
        began = sink.wait_for(1, _START_S)
        took_s = sink.wait_for(accepted.requests, _DELIVERED_S) - began
    return {FULL_ACCEPTS: accepted.per_s, FULL_DELIVERIES: accepted.requests / took_s}


def _filled(ground: Ground, system: System) -> Path:
    """A database with so many finished mails in it; made at the first call."""
    made = ground.kept / f"{_ROWS[system.name]}.db"
    if not made.exists():
        with ground.folder() as folder, Sink(folder) as sink, ground.run(system, folder, sink.address) as run:
            _deliver_one(run, sink)
            with closing(sqlite3.connect(run.database, isolation_level=None)) as connection:
                multiply(connection, _ROWS[system.name])
            shutil.move(run.database, made)
    return made


def _deliver_one(run: Run, sink: Sink) -> None:
    run.start_web()
    run.start_workers()
    sink.wait_for(1, _START_S)
    run.stop_workers()
    run.stop_web()


def multiply(connection: sqlite3.Connection, rows: int) -> None:
    """Copy the one finished mail, with its attempt, so many times, each a millisecond older than the one before."""
    ((mail_id,),) = connection.execute("SELECT id FROM mails WHERE due_at IS NULL").fetchall()
    connection.execute(
        """CREATE TEMP TABLE copies AS
           WITH RECURSIVE ages(age) AS (SELECT 1 UNION ALL SELECT age + 1 FROM ages WHERE age < ?)
           SELECT printf('%08x-%04x-7000-8000-%012x', (? - age) >> 16, (? - age) & 65535, age) AS id FROM ages""",
        (rows, *[int(mail_id.replace("-", "")[:12], 16)] * 2),
    )
    # An attempt's own id is given by the database.
    for table, key, made in (("mails", "id", None), ("attempts", "mail_id", "id")):
        names = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})") if name != made]
        values = ", ".join("copies.id" if name == key else f"one.{name}" for name in names)
        connection.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM copies "  # noqa: S608
            f"JOIN {table} AS one ON one.{key} = ? ORDER BY copies.id",
            (mail_id,),
        )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA journal_mode = DELETE")  # one file, to be copied


FULL_OUTBOX: Final = Measurement("full-outbox", measure, _SYSTEMS)
