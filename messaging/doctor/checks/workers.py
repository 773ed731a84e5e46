"""The workers and dispatchers: that some were seen."""

from messaging.doctor.finding import TroubleError
from messaging.outbox.heartbeats import GONE_AFTER_MS, Heartbeats, Role


def check_workers(heartbeats: Heartbeats, *, embedded: bool) -> str:
    """Count who was seen.

    Args:
        heartbeats: where they say that they live.
        embedded: whether they are inside the web process.

    Raises:
        TroubleError: if nobody sends, or dispatches.
    """
    seen = {role: heartbeats.alive(role) for role in Role}
    for role, alive in seen.items():
        if not alive:
            start = "python -m messaging serve" if embedded else "python -m workers"
            raise TroubleError(f"no {role} has been seen for {GONE_AFTER_MS // 1000} s", f"Start it: {start}")
    in_flight = sum(worker.in_flight for worker in seen[Role.WORKER])
    hosts = sorted({worker.host for worker in seen[Role.WORKER]})
    dispatchers = len(seen[Role.DISPATCHER])
    return f"{len(seen[Role.WORKER])} on {', '.join(hosts)}, {dispatchers} dispatching, {in_flight} mails in hand"
