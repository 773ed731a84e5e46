"""The retry policy, pure: whose fault an answer of the relay is, and when a mail is tried again."""

import random
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from workers.errors import BusyError, DeliveryError, RefusedError, RelayError

#: Waits are stretched or shortened by up to this part, so that mails that failed together do not come back together.
JITTER: Final = 0.2

#: Longest wait that a relay may ask for, in seconds.
MOST_RETRY_AFTER_S: Final = 86_400.0

#: Codes that ask for a login, or another one (RFC 4954, section 6; RFC 3207, section 4). After RCPT they may be about
#: this recipient alone: relays say so of those whom they would not relay to without one.
_LOGIN_CODES: Final = frozenset({454, 530, 534, 535, 538})

#: Enhanced codes (RFC 3463) about what we may send in all: the login again, and Gmail's daily limit, which is permanent
#: in form only.
_RELAY_ENHANCED: Final = frozenset({"5.4.5", "5.7.8", "5.7.9", "5.7.14"})

_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
# A time of day ("try again at 12:30:00") is none: hours, minutes and seconds are a wait after "in" only.
_RETRY_AFTER: Final = re.compile(
    r"\b(?:try|retry|wait|come back|gr[ae]y-?list(?:ed|ing) for)\b.{0,30}?\b"
    r"(?:in (\d{1,3}):(\d\d):(\d\d)|(\d{1,6})\s*(s|sec|second|m|min|minute|h|hr|hour|d|day)s?)\b",
    re.IGNORECASE,
)
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Stage(StrEnum):
    """How far a conversation got."""

    #: Connecting, greeting, EHLO, STARTTLS, AUTH.
    HELLO = "the greeting"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    #: After the final dot.
    END = "the end of the mail"


def judge(stage: Stage, code: int, reply: str) -> DeliveryError:
    """Turn an answer that is not the hoped-for one into the error that says whose fault it is.

    Args:
        stage: what was answered.
        code: the relay's code.
        reply: its words, one line, beginning with the enhanced code if it has one.
    """
    error = _fault(stage, code, reply)
    # RFC 5321, section 3.8: 421 may be the answer to anything, and the connection ends with it.
    error.gone = code == 421
    return error


def _fault(stage: Stage, code: int, reply: str) -> DeliveryError:
    match = _ENHANCED.match(reply)
    enhanced = match[0] if match else ""
    # All our mails have one sender: an answer to it is an answer to all of them.
    if stage in (Stage.HELLO, Stage.MAIL):
        return RelayError(reply, code)
    about_us = enhanced in _RELAY_ENHANCED
    # Later it is only where this cannot be about the one recipient, who must not hold up all the others.
    if about_us and stage is not Stage.RCPT:
        return RelayError(reply, code)
    # Nor is that mail to be lost for what the operator can set right.
    if about_us or code in _LOGIN_CODES:
        return BusyError(reply, code, _asked_for_s(reply))
    # Where code and enhanced code contradict each other it is unsure, and unsure means temporary. RFC 5321, section
    # 4.5.3.1.10: a bare 552 is to be taken as 452.
    permanent = 500 <= code <= 599 and enhanced[:1] in ("", "5") and (code, enhanced) != (552, "")
    return RefusedError(reply, code) if permanent else BusyError(reply, code, _asked_for_s(reply))


def is_full(error: RelayError) -> bool:
    """Whether a relay that did not let us in may just have enough connections; a login is another matter."""
    return error.code is not None and 400 <= error.code <= 499 and error.code not in _LOGIN_CODES


def lost(stage: Stage, reason: str) -> DeliveryError:
    """Make the error of a connection that ended, or fell silent, where an answer was due."""
    error: DeliveryError
    if stage in (Stage.HELLO, Stage.MAIL):
        error = RelayError(f"no answer to {stage}: {reason}")
    else:
        # From here on it may be this mail that the relay cannot stomach: it is charged, and cannot hold up others.
        doubt = ", the relay may have it" if stage is Stage.END else ""
        error = BusyError(f"no answer to {stage}{doubt}: {reason}")
    error.gone = stage is not Stage.END
    error.doubtful = stage is Stage.END
    return error


def next_wait_s(schedule_s: Sequence[float], attempts: int, asked_for_s: float | None = None) -> float | None:
    """How long a mail waits after its attempts so far; None when it is given up.

    Args:
        schedule_s: `RETRY_SCHEDULE`, in seconds.
        attempts: how many were charged to it, at least 1.
        asked_for_s: when the relay wants to be tried again, in seconds; counts where it is later than the schedule.
    """
    if attempts > len(schedule_s):
        return None
    wait_s = schedule_s[attempts - 1] * _random(1 - JITTER, 1 + JITTER)
    # Never earlier than the relay asked for; nor so early, at its wish, that the attempts are used up in no time.
    return wait_s if asked_for_s is None else max(wait_s, asked_for_s * _random(1, 1 + JITTER))


def _asked_for_s(reply: str) -> float | None:
    match = _RETRY_AFTER.search(reply)
    if not match:
        return None
    hours, minutes, seconds, number, unit = match.groups()
    parts = ((number, _UNIT_S[unit[0].lower()]),) if number else ((hours, 3600), (minutes, 60), (seconds, 1))
    asked_s = sum(int(count) * unit_s for count, unit_s in parts)
    return min(asked_s, MOST_RETRY_AFTER_S)


def _random(low: float, high: float) -> float:
    # Nobody gains by guessing it.
    return random.uniform(low, high)  # noqa: S311
