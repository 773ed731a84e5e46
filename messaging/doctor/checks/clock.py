"""The clock: that it is not behind what has been written down already."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import func, select

from messaging.doctor.finding import TroubleError
from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.ids import time_of
from messaging.outbox.schema import mails, workers
from messaging.timestamps import timestamp

#: Clocks of several machines may differ by so much, in milliseconds.
MOST_APART_MS: Final = 5_000


def check_clock(database: Database, clock: Callable[[], int] = clock_ms) -> str:
    """Compare the clock with the newest times in the outbox.

    Raises:
        TroubleError: if they are still to come.
    """
    with transaction(database.reading) as connection:
        newest = connection.execute(select(func.max(mails.c.id))).scalar_one()
        seen = connection.execute(select(func.max(workers.c.seen_at))).scalar_one()
    now = clock()
    latest = max(time_of(newest) if newest else 0, seen or 0)
    if latest - now > MOST_APART_MS:
        raise TroubleError(
            f"it is {timestamp(now)} here, and {timestamp(latest)} has been written down already",
            "Have the clocks of all machines of the service set by the network: timedatectl set-ntp true",
        )
    return timestamp(now)
