"""The clock: that no process of the service has another time."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import select

from messaging.doctor.finding import TroubleError
from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.schema import workers
from messaging.timestamps import timestamp

#: Clocks of several machines may differ by so much, in milliseconds.
MOST_APART_MS: Final = 5_000


def check_clock(database: Database, clock: Callable[[], int] = clock_ms) -> str:
    """Compare the clock with the times at which processes say that they live.

    Mails tell nothing: one that was accepted while a clock was ahead keeps that time for as long as it is kept.

    Raises:
        TroubleError: if the latest of them is still to come.
    """
    latest = select(workers.c.seen_at, workers.c.host, workers.c.pid).order_by(workers.c.seen_at.desc()).limit(1)
    with transaction(database.reading) as connection:
        row = connection.execute(latest).one_or_none()
    now = clock()
    if row and row.seen_at - now > MOST_APART_MS:
        raise TroubleError(
            f"it is {timestamp(now)} here, and process {row.pid} on {row.host} says that it lives at "
            f"{timestamp(row.seen_at)}",
            f"Have the clocks here and on {row.host} set by the network: timedatectl set-ntp true; if that process has "
            "ended, restart one that sends, which forgets it",
        )
    return timestamp(now)
