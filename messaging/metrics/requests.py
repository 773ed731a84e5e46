"""How many requests there are, what is answered, and how long that takes."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from prometheus_client import CollectorRegistry, Histogram

from messaging.application import StartResponse, Wsgi
from messaging.request import Environ

_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

_OTHER: Final = "other"


class MeasuredApplication:
    """The WSGI callable, with a watch.

    Args:
        application: answers the requests.
        label: what a path is counted by; those that have none are one, since clients can invent any number of them.
        registry: where the figures are asked for.
    """

    def __init__(self, application: Wsgi, label: Callable[[str], str], registry: CollectorRegistry) -> None:
        self._application = application
        self._label = label
        self._seconds = Histogram(
            "messaging_request_seconds",
            "What requests took, from when they had been read to their answer",
            ["path", "status"],
            buckets=_BOUNDS_S,
            registry=registry,
        )
        #: What a path and a status are counted by; to look one up in the histogram takes longer than all else here.
        self._observers: dict[tuple[str, str], Callable[[float], None]] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        status = ""

        def start(line: str, headers: list[tuple[str, str]]) -> Any:
            nonlocal status
            status = line
            return start_response(line, headers)

        body = self._application(environ, start)
        self._observe(environ.get("PATH_INFO", ""), status, time.perf_counter() - began)
        return body

    def _observe(self, path: str, status: str, took_s: float) -> None:
        label = self._label(path) or _OTHER
        observe = self._observers.get((label, status))
        if observe is None:
            observe = self._observers[label, status] = self._seconds.labels(label, status[:3]).observe
        observe(took_s)
