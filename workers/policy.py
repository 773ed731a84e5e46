"""The retry policy, pure: whose fault an answer of the relay is, and when a mail is tried again."""

import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from workers.errors import BusyError, DeliveryError, RefusedError, RelayError

#: Waits are stretched or shortened by up to this part, so that mails that failed together do not come back together.
JITTER: Final = 0.2


class Stage(StrEnum):
    """How far a conversation got."""

    #: Greeting, EHLO, STARTTLS, AUTH.
    HELLO = "hello"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    #: After the final dot.
    END = "the end of the mail"


def judge(stage: Stage, code: int, reply: str) -> DeliveryError:
    """Turn an answer that is not the hoped-for one into the error that says whose fault it is."""
    return _fault(stage, code)(reply, code)


def _fault(stage: Stage, code: int) -> type[DeliveryError]:
    # RFC 5321, section 3.8: 421 may come at any time, and is about the connection.
    if stage is Stage.HELLO or code == 421:
        return RelayError
    if 500 <= code <= 599:
        # What is wrong with the sender is wrong with every mail of ours.
        return RelayError if stage is Stage.MAIL else RefusedError
    return BusyError


def lost(stage: Stage, reason: str) -> DeliveryError:
    """Make the error of a connection that ended without an answer."""
    if stage is Stage.END:
        return BusyError(f"no answer at {stage}, the relay may have it: {reason}")
    return RelayError(f"no answer at {stage}: {reason}")


def next_wait_s(schedule_s: Sequence[float], attempts: int) -> float | None:
    """How long a mail waits after its attempts so far; None when it is given up.

    Args:
        schedule_s: `RETRY_SCHEDULE`, in seconds.
        attempts: how many were charged to it, at least 1.
    """
    if attempts > len(schedule_s):
        return None
    return jittered_s(schedule_s[attempts - 1])


def jittered_s(wait_s: float) -> float:
    # Nobody gains by guessing it.
    return wait_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
