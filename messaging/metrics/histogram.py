"""Durations counted by upper bound, where the database does the counting."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, case


class Histogram:
    """Counts of what took at most so long.

    Args:
        bounds_ms: upper bounds in milliseconds, rising; the last bucket has none.
    """

    def __init__(self, bounds_ms: Sequence[int]) -> None:
        self._bounds_ms = bounds_ms
        self._counts: Counter[int] = Counter()
        self._sum_ms = 0

    def bucket_of(self, duration_ms: ColumnElement[Any]) -> ColumnElement[int]:
        """The number of the bucket that a duration of a query falls into."""
        whens = [(duration_ms <= bound, number) for number, bound in enumerate(self._bounds_ms)]
        return case(*whens, else_=len(self._bounds_ms))

    def add(self, bucket: int, count: int, sum_ms: int) -> None:
        """Count in a number of durations that fell into one bucket."""
        self._counts[bucket] += count
        self._sum_ms += sum_ms

    @property
    def sum_s(self) -> float:
        return self._sum_ms / 1000

    def buckets(self) -> list[tuple[str, float]]:
        """The counts as Prometheus has them: by upper bound in seconds, and each with all smaller ones."""
        below = 0
        buckets = []
        for number, bound in enumerate([*(str(bound / 1000) for bound in self._bounds_ms), "+Inf"]):
            below += self._counts[number]
            buckets.append((bound, float(below)))
        return buckets
