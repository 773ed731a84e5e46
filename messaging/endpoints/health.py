"""Health: whether the process lives, and whether all that it needs is there."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from messaging.replies import Answer
from messaging.request import Request

_LOG: Final = logging.getLogger(__name__)

#: Raises if a part is down; the text of what it raises is not shown to anybody.
Check = Callable[[], None]


def healthz(_request: Request) -> Answer:
    """Say that the process answers; touches nothing."""
    return Answer(HTTPStatus.OK, "ok", {"status": "ok"})


class Readiness:
    """Says which of the parts that the service needs are down.

    Args:
        checks: by the name of the part.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    def get(self, _request: Request) -> Answer:
        down = [name for name, check in self._checks.items() if not _passes(name, check)]
        parts = {name: "down" if name in down else "ok" for name in self._checks}
        if down:
            # Not an error of a request: a probe wants the list, and `Retry-After` as every 503 has it.
            return Answer(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"down: {', '.join(down)}",
                {"status": "down", "parts": parts},
                [("Retry-After", "5")],
            )
        return Answer(HTTPStatus.OK, "ready", {"status": "ready", "parts": parts})


def _passes(name: str, check: Check) -> bool:
    try:
        check()
    except Exception as error:
        _LOG.info("not ready: %s: %s", name, type(error).__name__)
        return False
    return True
