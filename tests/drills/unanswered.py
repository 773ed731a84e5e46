"""Requests that got no answer, and whether there was anybody to answer them."""

from collections.abc import Iterable
from typing import NamedTuple

#: From when to when the web process was away, by the monotonic clock.
Absence = tuple[float, float]


class Unanswered(NamedTuple):
    """One request, from when to when by the monotonic clock, and what there was instead of an answer."""

    began_at: float
    ended_at: float
    error: str
    #: Whether nobody listened; else it was hung up on, or given up.
    refused: bool

    @classmethod
    def by(cls, error: Exception, began_at: float, ended_at: float) -> "Unanswered":
        refused = isinstance(error, ConnectionRefusedError)
        return cls(began_at, ended_at, f"{type(error).__name__}: {error}", refused)


def while_up(requests: Iterable[Unanswered], absences: Iterable[Absence]) -> list[str]:
    """The errors of those that were not under way at a time at which the web process was away."""
    away = list(absences)
    return [
        request.error
        for request in requests
        if not any(request.began_at <= until and since <= request.ended_at for since, until in away)
    ]


def cut(requests: Iterable[Unanswered]) -> int:
    """How many of them somebody had begun to listen to."""
    return sum(not request.refused for request in requests)
