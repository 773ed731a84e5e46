"""The workers and dispatchers that were seen: each says every few seconds that it lives."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, delete, insert, select, update

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.schema import workers

#: Who was not seen for this long is taken for gone, in milliseconds.
GONE_AFTER_MS: Final = 40_000

#: Who was not seen for this long is forgotten, in milliseconds.
_FORGET_AFTER_MS: Final = 3_600_000

#: Of those that are gone so many are told of, the last ones: one that dies again and again leaves many.
_MOST_GONE: Final = 20


class Role(StrEnum):
    """What a process does; one process may do both."""

    WORKER = "worker"
    DISPATCHER = "dispatcher"


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """One worker process, or one dispatcher; times are milliseconds since 1970, UTC."""

    name: str
    host: str
    pid: int
    started_at: int
    seen_at: int
    #: Mails that it was working on; a dispatcher has none.
    in_flight: int


_SEEN: Final = select(*(workers.c[name] for name in WorkerSeen.__dataclass_fields__))


class Heartbeats:
    """The table of workers and dispatchers.

    Every method raises `OutboxUnavailableError` where the database is away.

    Args:
        database: where the table is.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._clock = clock

    def beat(self, started_at: int, in_flight: int, role: Role = Role.WORKER) -> None:
        """Say that this process lives, and does what it is for."""
        now, name = self._clock(), own_name(started_at)
        seen = {"seen_at": now, "in_flight": in_flight}
        with transaction(self._database.recording) as connection:
            if not connection.execute(update(workers).where(_is(name, role)).values(seen)).rowcount:
                who = {"name": name, "role": role.value, "started_at": started_at}
                who |= {"host": socket.gethostname(), "pid": os.getpid()}
                connection.execute(insert(workers), {**who, **seen})
                # One that lives, by a clock that is ahead, comes back with its next beat.
                gone = ~workers.c.seen_at.between(now - _FORGET_AFTER_MS, now + GONE_AFTER_MS)
                connection.execute(delete(workers).where(gone))

    def end(self, started_at: int, role: Role = Role.WORKER) -> None:
        """Say that this process ends, or what it did."""
        name = own_name(started_at)
        with transaction(self._database.recording) as connection:
            connection.execute(delete(workers).where(_is(name, role)))

    def alive(self, role: Role = Role.WORKER) -> list[WorkerSeen]:
        """Those that were seen within `GONE_AFTER_MS`; not those that a clock which was ahead saw in time to come."""
        now = self._clock()
        seen = workers.c.seen_at.between(now - GONE_AFTER_MS, now + GONE_AFTER_MS)
        return self._read(_SEEN.where(seen, workers.c.role == role.value).order_by(workers.c.name))

    def gone(self, role: Role = Role.WORKER) -> list[WorkerSeen]:
        """Those that were seen within an hour, and not within `GONE_AFTER_MS`, and did not say that they end.

        The one that was seen last comes first.
        """
        now = self._clock()
        lately = workers.c.seen_at.between(now - _FORGET_AFTER_MS, now - GONE_AFTER_MS - 1)
        newest_first = _SEEN.where(lately, workers.c.role == role.value).order_by(workers.c.seen_at.desc())
        return self._read(newest_first.limit(_MOST_GONE))

    def _read(self, query: Select[Any]) -> list[WorkerSeen]:
        with transaction(self._database.reading) as connection:
            return [WorkerSeen(**row) for row in connection.execute(query).mappings()]


def own_name(started_at: int) -> str:
    """What this process, or a part of it, that started then is called in the table."""
    return f"{socket.gethostname()}:{os.getpid()}:{started_at}"


def _is(name: str, role: Role) -> ColumnElement[bool]:
    return and_(workers.c.name == name, workers.c.role == role.value)
