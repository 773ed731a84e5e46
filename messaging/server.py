"""Waitress, with its limits set on purpose and an end that answers every request it has begun."""

import select
import socket
import threading
import time
from http import HTTPStatus
from typing import Any, Final

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import create_server
from waitress.task import ErrorTask, WSGITask

from config.errors import MessagingError
from config.values import Endpoint
from messaging.application import Wsgi
from messaging.errors import RequestError, ServerRefusalError, TooLargeError
from messaging.replies import render_error
from messaging.request import request_id, wants_json

#: Bytes of a request's line and header fields.
MAX_HEADER_BYTES: Final = 32 * 1024

#: Open connections, idle ones included.
MOST_CONNECTIONS: Final = 1000

#: Connections that the kernel takes in before we do.
_BACKLOG: Final = 1024

#: A connection without traffic is closed after this long, in seconds.
IDLE_TIMEOUT_S: Final = 30

#: How long a stopping server answers what was begun, and how long it keeps idle connections open for a request that
#: may be on its way, in seconds.
DRAIN_S: Final = 10.0
LINGER_S: Final = 0.5


class ListenError(MessagingError):
    """Raised when an address is taken, or is not one of this machine."""


class Server:
    """One listener with its threads.

    Args:
        application: answers the requests.
        endpoint: where to listen; port 0 for any that is free.
        threads: requests answered at the same time.
        max_body_bytes: a larger body is refused.

    Raises:
        ListenError: if the endpoint cannot be listened on.
    """

    def __init__(self, application: Wsgi, endpoint: Endpoint, threads: int, max_body_bytes: int) -> None:
        family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        try:
            listener = socket.create_server(endpoint, family=family, backlog=_BACKLOG)
        except OSError as error:
            reason = str(error.strerror).partition(" (while")[0]  # the standard library adds the address again
            raise ListenError(f"{endpoint} cannot be listened on: {reason}") from error
        self.endpoint = Endpoint(*listener.getsockname()[:2])
        #: Everything that the loop watches, by file descriptor.
        self._watched: dict[int, Any] = {}
        self._server = _make(application, listener, threads, max_body_bytes, self._watched)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"server-{self.endpoint.port}")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Begin to drain; returns at once."""
        self._stopping.set()
        self._server.pull_trigger()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._poll(1.0)
        self._drain()

    def _drain(self) -> None:
        """Answer what was begun, each answer the last on its connection."""
        began = time.monotonic()
        self._server.draining = True
        self._accept_waiting()
        while (elapsed := time.monotonic() - began) < DRAIN_S:
            self._poll(0.02)
            channels = list(self._server.active_channels.values())
            if elapsed > LINGER_S:
                for channel in channels:
                    if _is_idle(channel):
                        channel.handle_close()
            if not self._server.active_channels:
                break
        self._server.task_dispatcher.shutdown(timeout=max(0.1, DRAIN_S - (time.monotonic() - began)))
        wasyncore.close_all(self._watched)

    def _accept_waiting(self) -> None:
        """Take in the connections that wait in the kernel, then listen no more: closing first would reset them."""
        waiting = select.poll()
        waiting.register(self._server.socket, select.POLLIN)
        # They come in their order: what waited when we began is among the first of a full backlog. There may be no end
        # of those that come later.
        for _ in range(_BACKLOG):
            if not waiting.poll(0):
                break
            self._server.handle_accept()
        self._server.accepting = False
        self._server.del_channel()
        self._server.socket.close()

    def _poll(self, timeout_s: float) -> None:
        wasyncore.loop(timeout=timeout_s, use_poll=True, map=self._watched, count=1)


def _make(
    application: Wsgi, listener: socket.socket, threads: int, max_body_bytes: int, watched: dict[int, Any]
) -> Any:
    server: Any = create_server(
        application,
        map=watched,
        sockets=[listener],
        threads=threads,
        ident=None,
        backlog=_BACKLOG,
        connection_limit=MOST_CONNECTIONS,
        channel_timeout=IDLE_TIMEOUT_S,
        cleanup_interval=IDLE_TIMEOUT_S // 3,
        max_request_header_size=MAX_HEADER_BYTES,
        # Waitress refuses a body that is as large as this.
        max_request_body_size=max_body_bytes + 1,
        # We read X-Forwarded-For ourselves: `TRUSTED_PROXIES` says how much of it is ours.
        clear_untrusted_proxy_headers=False,
        asyncore_use_poll=True,
    )
    server.channel_class = _Channel
    server.draining = False
    return server


def _is_idle(channel: Any) -> bool:
    return not channel.requests and channel.request is None and not channel.total_outbufs_len


class _Task(WSGITask):
    """One request; while the server drains, its connection ends with it."""

    channel: Any

    def write(self, data: bytes) -> None:
        whole = bool(data) and not self.wrote_header and self.has_body and self.content_length == len(data)
        if not whole:
            super().write(data)
            return
        # Waitress would send the header by itself: two system calls, and two packets, for each answer.
        self.channel.write_soon(self.build_response_header() + data)
        self.wrote_header = True
        self.content_bytes_written = len(data)

    def build_response_header(self) -> bytes:
        if self.channel.server.draining:
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class _ErrorTask(ErrorTask):
    """A request that Waitress itself refuses, answered in the form of all our errors."""

    request: Any

    def execute(self) -> None:
        headers = self.request.headers
        given_id = request_id({"HTTP_X_REQUEST_ID": headers.get("X_REQUEST_ID", "")})
        as_json = wants_json(headers.get("ACCEPT", ""), headers.get("CONTENT_TYPE", ""))
        reply = render_error(given_id, self._refusal(), as_json=as_json)
        self.status = reply.status
        self.response_headers = [*self.response_headers, *reply.headers]
        self.set_close_on_finish()
        self.content_length = len(reply.body)
        self.write(reply.body)

    def _refusal(self) -> RequestError:
        error = self.request.error
        if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return TooLargeError(f"a body has at most {self.channel.adj.max_request_body_size - 1} bytes")
        # Waitress quotes what it refuses at the end of its words; that is the client's, and may be a secret of theirs.
        words = str(error.body).partition('"')[0].strip()
        # A transfer coding that is not known is a 501 to Waitress; nothing that a client sends is a 5xx to us.
        code = HTTPStatus.BAD_REQUEST if error.code == HTTPStatus.NOT_IMPLEMENTED else error.code
        return ServerRefusalError(code, words)


class _Parser(HTTPRequestParser):
    """Reads a request; what Waitress does not expect ends in a refusal, not in a lost connection."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # a length of thousands of digits, a host with half a bracket
            raise ParsingError("Bad URI or Content-Length") from error


class _Channel(HTTPChannel):
    """A connection whose requests are read and answered by the classes above."""

    parser_class = _Parser
    task_class = _Task
    error_task_class = _ErrorTask
