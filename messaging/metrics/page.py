"""`/metrics` beside the other internal paths."""

from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, make_wsgi_app

from messaging.application import StartResponse, Wsgi
from messaging.request import Environ

_PATH: Final = "/metrics"


class WithMetrics:
    """The internal side's WSGI callable.

    Args:
        application: answers everything but the metrics.
        registry: what there is to tell.
    """

    def __init__(self, application: Wsgi, registry: CollectorRegistry) -> None:
        self._application = application
        self._metrics = make_wsgi_app(registry)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._metrics if environ.get("PATH_INFO") == _PATH else self._application
        return answer(environ, start_response)
