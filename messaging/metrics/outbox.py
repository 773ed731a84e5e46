"""Metrics that are read from the outbox when they are asked for: the same for every process, and after any restart."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from messaging.metrics.attempts import Attempts
from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.heartbeats import Heartbeats, Role
from messaging.outbox.relay_hold import Hold, RelayHold
from messaging.outbox.states import State
from messaging.outbox.totals import Counted, read_totals

_UP: Final = "messaging_outbox_up"


class OutboxMetrics(Collector):
    """Reads the outbox for each scrape, in a few short queries however many mails there are.

    Args:
        database: where the outbox is.
        hold: says whether the relay is held.
        heartbeats: says who sends and dispatches.
        attempts: what the attempts took.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(
        self,
        database: Database,
        hold: RelayHold,
        heartbeats: Heartbeats,
        attempts: Attempts,
        clock: Callable[[], int] = clock_ms,
    ) -> None:
        self._database = database
        self._hold = hold
        self._heartbeats = heartbeats
        self._attempts = attempts
        self._clock = clock

    def describe(self) -> Iterator[Metric]:
        """Name nothing: to be registered must not read the outbox."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        try:
            metrics = [*self._read()]
        except OutboxUnavailableError:
            yield GaugeMetricFamily(_UP, "Whether the database could be read for these metrics", 0)
            return
        yield GaugeMetricFamily(_UP, "Whether the database could be read for these metrics", 1)
        yield from metrics

    def _read(self) -> Iterator[Metric]:
        now = self._clock()
        yield from _of_totals(read_totals(self._database), now)
        yield from _of_hold(self._hold.read(), now)
        yield from self._of_workers()
        yield from self._attempts.read()

    def _of_workers(self) -> Iterator[Metric]:
        seen = {role: self._heartbeats.alive(role) for role in Role}
        yield _by(
            GaugeMetricFamily(
                "messaging_processes", "Processes that were seen of late, by what they do", labels=["role"]
            ),
            {role.value: len(alive) for role, alive in seen.items()},
        )
        in_flight = sum(worker.in_flight for worker in seen[Role.WORKER])
        yield GaugeMetricFamily(
            "messaging_in_flight", "Mails that workers had in hand when they were last seen", in_flight
        )


def _of_totals(counted: Counted, now: int) -> Iterator[Metric]:
    yield CounterMetricFamily("messaging_accepted", "Mails that were stored", counted.accepted)
    yield CounterMetricFamily("messaging_sent", "Mails that the relay took", counted.finished[State.SENT])
    yield CounterMetricFamily(
        "messaging_tested", "Mails of test keys that were composed", counted.finished[State.TESTED]
    )
    yield CounterMetricFamily("messaging_canceled", "Mails that were withdrawn", counted.finished[State.CANCELED])
    yield _by(
        CounterMetricFamily(
            "messaging_failed",
            "Mails that were given up: refused by the relay, busy once too often, or our own fault",
            labels=["class"],
        ),
        {outcome.value: count for outcome, count in counted.failed.items()},
    )
    yield CounterMetricFamily("messaging_retried", "Attempts that are followed by another one", counted.retried)
    yield CounterMetricFamily(
        "messaging_claims_refused", "Ids that came to a worker and found nothing to claim", counted.claims_refused
    )
    yield _by(
        GaugeMetricFamily("messaging_mails", "Mails that are kept, by state", labels=["state"]),
        {state.value: count for state, count in counted.now.items()},
    )
    overdue_ms = 0 if counted.next_due_at is None else max(0, now - counted.next_due_at)
    yield GaugeMetricFamily(
        "messaging_oldest_due_seconds", "For how long the mail has been due that is due the longest", overdue_ms / 1000
    )


def _of_hold(hold: Hold | None, now: int) -> Iterator[Metric]:
    held_ms = max(0, now - hold.since) if hold else 0
    yield GaugeMetricFamily("messaging_relay_held", "Whether all mail waits for the relay", int(hold is not None))
    yield GaugeMetricFamily("messaging_relay_held_seconds", "For how long it has been waiting", held_ms / 1000)


def _by(
    family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[str, float]
) -> CounterMetricFamily | GaugeMetricFamily:
    for label, value in values.items():
        family.add_metric([label], value)
    return family
