"""What the project wants to reach: ratios of medians, beside which the results are put."""

from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Figure, Samples
from benchmarks.measurements.accepting import ACCEPTS
from benchmarks.measurements.delivering import DELIVERIES
from benchmarks.measurements.full_outbox import FULL_ACCEPTS, FULL_DELIVERIES, MANY, SOME
from benchmarks.measurements.latency import IDLE_P50, IDLE_P99
from benchmarks.measurements.memory import AFTER_A_TENTH, AFTER_ALL, AT_REST
from benchmarks.measurements.slow_relay import SLOW_DELIVERIES
from benchmarks.measurements.talking import TALKTOMES
from benchmarks.systems import CELERY, CELERY_KEPT, CELERY_UNCONFIRMED, DRAMATIQ, EMPTY, OURS, System


@dataclass(frozen=True)
class Target:
    """A bound on how many times as much `of` has as `over`.

    The bound is from below for a figure of which more is better, and from above for others.
    """

    figure: Figure
    over: System
    bound: float
    of: System = OURS
    #: Another figure of `over`, where it is not compared with the same one.
    over_figure: Figure | None = None

    def ratio(self, samples: Samples) -> float | None:
        return samples.ratio(self.figure, self.of.name, self.over.name, self.over_figure)

    def missed_by(self, ratio: float) -> float:
        """By which part of the bound it is missed; 0 if it is met."""
        short = self.bound - ratio if self.figure.more_is_better else ratio - self.bound
        return max(0.0, short / self.bound)


TARGETS: Final = (
    Target(ACCEPTS, CELERY, 2.0),
    Target(ACCEPTS, CELERY_UNCONFIRMED, 1.2),
    Target(ACCEPTS, DRAMATIQ, 1.4),
    Target(ACCEPTS, EMPTY, 0.4),
    Target(TALKTOMES, CELERY, 1.0),
    Target(TALKTOMES, DRAMATIQ, 1.0),
    Target(DELIVERIES, CELERY, 3.0),
    Target(DELIVERIES, CELERY_KEPT, 3.0),
    Target(DELIVERIES, DRAMATIQ, 2.5),
    Target(SLOW_DELIVERIES, CELERY, 2.0),
    Target(SLOW_DELIVERIES, CELERY_KEPT, 2.0),
    Target(SLOW_DELIVERIES, DRAMATIQ, 2.0),
    Target(IDLE_P50, CELERY, 1.0),
    Target(IDLE_P99, CELERY, 1.0),
    Target(IDLE_P50, DRAMATIQ, 1.2),
    Target(IDLE_P99, DRAMATIQ, 1.2),
    Target(AT_REST, CELERY, 1.0),
    # "Near" it.
    Target(AT_REST, DRAMATIQ, 1.2),
    # What is still learned by then (caches, pools) is little; what grows with the mails is ten times as much.
    Target(AFTER_ALL, OURS, 1.05, over_figure=AFTER_A_TENTH),
    Target(FULL_ACCEPTS, SOME, 0.85, of=MANY),
    Target(FULL_DELIVERIES, SOME, 0.85, of=MANY),
)
