"""`GET /v1/overview`: how all of it stands."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from messaging.errors import ForbiddenError
from messaging.fields import take_texts
from messaging.gate import Gate
from messaging.outbox.filters import EVERYTHING
from messaging.outbox.heartbeats import WorkerSeen
from messaging.outbox.relay_hold import Hold
from messaging.outbox.tallies import Series, Waiting
from messaging.overview import Overseer, Overview
from messaging.replies import Answer
from messaging.request import Request
from messaging.timestamps import timestamp


class View:
    """Shows the overview to keys that see all mails.

    Args:
        gate: finds out who is calling.
        overseer: puts the overview together.
    """

    def __init__(self, gate: Gate, overseer: Overseer) -> None:
        self._gate = gate
        self._overseer = overseer

    def get(self, request: Request) -> Answer:
        texts = take_texts(request.query(), ("key",))
        _, key = self._gate.identify_known(request, texts.get("key"))
        if key.scope != EVERYTHING:
            raise ForbiddenError("this is about all mails, and this key sees some of them")
        overview = self._overseer.look()
        return Answer(HTTPStatus.OK, _line(overview), _document(overview))


def _line(overview: Overview) -> str:
    return ", ".join(f"{count} {state}" for state, count in overview.states.items())


def _document(overview: Overview) -> dict[str, Any]:
    trouble = {"trouble": overview.queue_trouble} if overview.queue_trouble else {}
    return {
        "states": overview.states,
        "oldest_waiting": _waiting(overview.oldest_waiting),
        "minutes": _series(overview.minutes),
        "hours": _series(overview.hours),
        "workers": _seen(overview.workers),
        "dispatchers": _seen(overview.dispatchers),
        "hold": _hold(overview.hold),
        "queue": {"length": overview.queue, **trouble},
    }


def _waiting(waiting: Waiting | None) -> dict[str, Any] | None:
    if waiting is None:
        return None
    return {"id": waiting.id, "state": waiting.state, "created_at": timestamp(waiting.created_at)}


def _series(series: Series) -> dict[str, Any]:
    counts = {state.value: numbers for state, numbers in series.counts.items()}
    return {"since": timestamp(series.since), "step_s": series.step_ms // 1000, **counts}


def _seen(seen: Sequence[WorkerSeen]) -> list[dict[str, Any]]:
    return [
        {
            "host": each.host,
            "pid": each.pid,
            "started_at": timestamp(each.started_at),
            "seen_at": timestamp(each.seen_at),
            "in_flight": each.in_flight,
        }
        for each in seen
    ]


def _hold(hold: Hold | None) -> dict[str, Any] | None:
    if hold is None:
        return None
    return {"reason": hold.reason, "since": timestamp(hold.since), "probe_at": timestamp(hold.probe_at)}
