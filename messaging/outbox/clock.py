"""The outbox's time."""

import time
from typing import Final

#: Goes on while the machine sleeps, where there is such a clock.
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock_ms() -> int:
    """The time in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def steady_s() -> float:
    """The time in seconds by a clock that nobody sets; only differences mean something."""
    return time.clock_gettime(_STEADY)
