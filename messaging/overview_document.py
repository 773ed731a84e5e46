"""How the overview is shown: as a JSON document and as one line of text."""

from collections.abc import Sequence
from typing import Any

from messaging.outbox.heartbeats import WorkerSeen
from messaging.outbox.relay_hold import Hold
from messaging.outbox.tallies import Series, Waiting
from messaging.overview import Overview
from messaging.timestamps import timestamp


def overview_line(overview: Overview) -> str:
    return ", ".join(f"{count} {state}" for state, count in overview.states.items())


def overview_document(overview: Overview) -> dict[str, Any]:
    trouble = {"trouble": overview.queue_trouble} if overview.queue_trouble else {}
    return {
        "states": overview.states,
        "oldest_waiting": _waiting(overview.oldest_waiting),
        "minutes": _series(overview.minutes),
        "hours": _series(overview.hours),
        "workers": _seen(overview.workers),
        "dispatchers": _seen(overview.dispatchers),
        "gone": {"workers": _seen(overview.gone_workers), "dispatchers": _seen(overview.gone_dispatchers)},
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
