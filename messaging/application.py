"""The WSGI callable: a request is read, routed and answered."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from messaging.errors import InternalError, RequestError, UnavailableError
from messaging.intent import check_meant
from messaging.outbox.errors import OutboxUnavailableError
from messaging.replies import Reply, render, render_error
from messaging.request import Environ, Request, request_id
from messaging.router import Router

_LOG: Final = logging.getLogger(__name__)

StartResponse = Callable[[str, list[tuple[str, str]]], Any]

#: What a server calls for every request (PEP 3333).
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]


class Application:
    """What Waitress calls for every request (PEP 3333).

    Args:
        router: finds the endpoint.
        max_body_bytes: a larger body is refused.
    """

    def __init__(self, router: Router, max_body_bytes: int) -> None:
        self._router = router
        self._max_body_bytes = max_body_bytes

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        reply = self._reply(environ)
        start_response(reply.status, reply.headers)
        return (b"",) if environ["REQUEST_METHOD"] == "HEAD" else (reply.body,)

    def _reply(self, environ: Environ) -> Reply:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        request = Request(environ, request_id(environ), method, path, self._max_body_bytes)
        try:
            endpoint, request.argument = self._router.find(method, path)
            if method == "POST":
                check_meant(request)
            return render(request, endpoint(request))
        except RequestError as error:
            return render_error(request.id, error, as_json=request.wants_json)
        except OutboxUnavailableError as error:
            _LOG.error("request %s: the outbox is not available: %s", request.id, error)
            unavailable = UnavailableError("the outbox is not available; no mail was accepted")
            return render_error(request.id, unavailable, as_json=request.wants_json)
        except Exception:
            _LOG.exception("request %s: a bug", request.id)
            return render_error(request.id, InternalError("a bug of ours"), as_json=request.wants_json)
