"""Health: whether the process lives, and whether all that it needs is there."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from config.errors import MessagingError
from messaging.clients import Clients
from messaging.outbox.heartbeats import GONE_AFTER_MS, Heartbeats, Role
from messaging.outbox.relay_hold import RelayHold
from messaging.replies import Answer
from messaging.request import Request
from messaging.talktome import TalktomeLog
from messaging.timestamps import timestamp

_LOG: Final = logging.getLogger(__name__)

_OK: Final = "ok"

#: How long an answer waits for all the parts together, in seconds: who probes does not wait for ever, either.
ANSWER_WITHIN_S: Final = 2.0

#: Raises if a part is down; an error of ours has words for the operator.
Check = Callable[[], None]


class NotReadyError(MessagingError):
    """Raised by a check whose part answers, and is not in order."""


_ALIVE: Final = Answer(HTTPStatus.OK, "ok", {"status": "ok"})


def healthz(_request: Request) -> Answer:
    """Say that the process answers; touches nothing."""
    return _ALIVE


class Healthz:
    """Says that the process answers; in JSON also which service it is, and whom it takes the caller for.

    Args:
        instance: names the service.
        clients: knows where a request comes from.
    """

    def __init__(self, instance: str, clients: Clients) -> None:
        self._instance = instance
        self._clients = clients

    def get(self, request: Request) -> Answer:
        if not request.wants_json:
            return _ALIVE
        client = self._clients.name(request.environ.get("REMOTE_ADDR", ""), request.header("X-Forwarded-For"))
        return Answer(HTTPStatus.OK, "ok", {"status": "ok", "instance": self._instance, "client": client})


class Readiness:
    """Says which of the parts that the service needs are down.

    Args:
        checks: by the name of the part.
    """

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._parts = {name: _Part(check) for name, check in checks.items()}

    def get(self, _request: Request) -> Answer:
        for part in self._parts.values():
            part.ask()
        give_up_at = time.monotonic() + ANSWER_WITHIN_S
        parts = {name: part.state(give_up_at) for name, part in self._parts.items()}
        down = [f"{name} ({state})" for name, state in parts.items() if state != _OK]
        if not down:
            return Answer(HTTPStatus.OK, "ready", {"status": "ready", "parts": parts})
        # Not an error of a request: who probes wants the list.
        line = f"down: {', '.join(down)}"
        _LOG.info("not ready: %s", line)
        document = {"status": "down", "parts": parts}
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, line, document, [("Retry-After", "5")])


class _Part:
    """One part, asked by one thread at a time, however many want to know: a part that hangs holds up nothing else."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._asking = threading.Thread()
        self._asked_at = 0.0
        self._state = _OK

    def ask(self) -> None:
        with self._lock:
            if not self._asking.is_alive():
                self._asking = threading.Thread(target=self._ask, name="readiness", daemon=True)
                self._asked_at = time.monotonic()
                self._asking.start()

    def state(self, give_up_at: float) -> str:
        """What came of the asking.

        Args:
            give_up_at: how long to wait for it, by the monotonic clock.
        """
        with self._lock:
            asking, asked_at = self._asking, self._asked_at
        asking.join(max(0.0, give_up_at - time.monotonic()))
        return f"no answer for {time.monotonic() - asked_at:.0f} s" if asking.is_alive() else self._state

    def _ask(self) -> None:
        self._state = _state_of(self._check)


def _state_of(check: Check) -> str:
    try:
        check()
    except MessagingError as error:
        return str(error)
    except Exception as error:
        # Its text may name hosts and accounts; its type says enough for a look into the log.
        return f"down: {type(error).__name__}"
    return _OK


def check_seen(heartbeats: Heartbeats, role: Role) -> None:
    """Find out whether somebody sends, or dispatches.

    Raises:
        NotReadyError: if nobody has been seen who does.
    """
    if not heartbeats.alive(role):
        raise NotReadyError(f"none seen for {GONE_AFTER_MS // 1000} s")


def check_log(log: TalktomeLog) -> None:
    """Find out whether lines can be written.

    Raises:
        NotReadyError: if they cannot.
    """
    try:
        log.check()
    except OSError as error:
        raise NotReadyError(f"cannot be written: {error.strerror}") from error


def check_hold(hold: RelayHold) -> None:
    """Find out whether mails may be sent.

    Raises:
        NotReadyError: if they are held; says since when, and why.
    """
    held = hold.read()
    if held:
        raise NotReadyError(f"held since {timestamp(held.since)}: {held.reason}")
