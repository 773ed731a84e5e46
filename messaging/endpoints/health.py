"""Health: whether the process lives, and whether all that it needs is there."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from config.errors import MessagingError
from messaging.outbox.heartbeats import GONE_AFTER_MS, Heartbeats
from messaging.outbox.relay_hold import RelayHold
from messaging.replies import Answer
from messaging.request import Request
from messaging.timestamps import timestamp

_LOG: Final = logging.getLogger(__name__)

_OK: Final = "ok"

#: Raises if a part is down; an error of ours has words for the operator.
Check = Callable[[], None]


class NotReadyError(MessagingError):
    """Raised by a check whose part answers, and is not in order."""


_ALIVE: Final = Answer(HTTPStatus.OK, "ok", {"status": "ok"})


def healthz(_request: Request) -> Answer:
    """Say that the process answers; touches nothing."""
    return _ALIVE


class Readiness:
    """Says which of the parts that the service needs are down.

    Args:
        checks: by the name of the part.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    def get(self, _request: Request) -> Answer:
        parts = {name: _state_of(check) for name, check in self._checks.items()}
        down = [f"{name} ({state})" for name, state in parts.items() if state != _OK]
        if not down:
            return Answer(HTTPStatus.OK, "ready", {"status": "ready", "parts": parts})
        # Not an error of a request: who probes wants the list.
        line = f"down: {', '.join(down)}"
        _LOG.info("not ready: %s", line)
        document = {"status": "down", "parts": parts}
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, line, document, [("Retry-After", "5")])


def _state_of(check: Check) -> str:
    try:
        check()
    except MessagingError as error:
        return str(error)
    except Exception as error:
        # Its text may name hosts and accounts; its type says enough for a look into the log.
        return f"down: {type(error).__name__}"
    return _OK


def check_workers(heartbeats: Heartbeats) -> None:
    """Find out whether somebody sends.

    Raises:
        NotReadyError: if no worker has been seen.
    """
    if not heartbeats.alive():
        raise NotReadyError(f"none seen for {GONE_AFTER_MS // 1000} s")


def check_hold(hold: RelayHold) -> None:
    """Find out whether mails may be sent.

    Raises:
        NotReadyError: if they are held; says since when, and why.
    """
    held = hold.read()
    if held:
        raise NotReadyError(f"held since {timestamp(held.since)}: {held.reason}")
