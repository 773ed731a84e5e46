"""Waitress, with its limits set on purpose and an end that answers every request it has begun."""

import errno
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from config import open_files
from config.errors import MessagingError
from config.values import Endpoint
from messaging.application import Wsgi
from messaging.channel import Channel

#: Bytes of a request's line and header fields.
MAX_HEADER_BYTES: Final = 32 * 1024

#: Open connections, idle ones included; one place is kept free for who comes next.
MOST_CONNECTIONS: Final = 1000

#: A connection is not closed to make room for another before it has waited this long for its request, in seconds.
SPARED_S: Final = 1.0

#: Connections that the kernel takes in before we do.
_BACKLOG: Final = 1024

#: A connection without traffic is closed after this long, in seconds.
IDLE_TIMEOUT_S: Final = 30

#: Nor may a connection take longer than this for its next request to be whole, in seconds: one that sends a byte now
#: and then is never without traffic.
REQUEST_WITHIN_S: Final = 60

#: Bytes of an answer that the kernel takes for a client that does not read them, doubled by itself; without a limit of
#: ours it would take megabytes.
_SEND_BUFFER: Final = 64 * 1024

#: How often connections are looked at for these two, in seconds.
_LOOK_AFTER_S: Final = 5

#: How long a stopping server answers what was begun, and how long it keeps idle connections open for a request that
#: may be on its way, in seconds.
DRAIN_S: Final = 10.0
LINGER_S: Final = 0.5


class ListenError(MessagingError):
    """Raised when an address is not one of this machine, or not one that this user may listen on."""


class TakenError(ListenError):
    """Raised when another program listens there: the address itself is good."""


class Server:
    """One listener with its threads.

    Args:
        application: answers the requests.
        endpoint: where to listen; port 0 for any that is free.
        threads: requests answered at the same time.
        max_body_bytes: a larger body is refused.

    Raises:
        ListenError: if the endpoint cannot be listened on; the text says why.
    """

    def __init__(self, application: Wsgi, endpoint: Endpoint, threads: int, max_body_bytes: int) -> None:
        family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        try:
            listener = socket.create_server(endpoint, family=family, backlog=_BACKLOG)
        except OSError as error:
            reason = str(error.strerror).partition(" (while")[0]  # the standard library adds the address again
            raise (TakenError if error.errno == errno.EADDRINUSE else ListenError)(reason) from error
        # Each connection that it accepts has the same.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self.endpoint = Endpoint(*listener.getsockname()[:2])
        #: Everything that the loop watches, by file descriptor.
        self._watched: dict[int, Any] = {}
        self._server = _make(application, listener, threads, max_body_bytes, self._watched)
        self._stopping = threading.Event()
        #: Whether it ended by an error.
        self.died = False
        self._if_it_dies: Callable[[], None] = lambda: None
        self._told = False
        #: Held while the loop is told: it may be awake already, and must not close what it is told by.
        self._telling = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"server-{self.endpoint.port}")

    def start(self, if_it_dies: Callable[[], None] = lambda: None) -> None:
        """Begin to answer.

        Args:
            if_it_dies: called when it has ended and nobody has told it to: nothing is answered any more.
        """
        self._if_it_dies = if_it_dies
        self._thread.start()

    def stop(self) -> None:
        """Begin to drain; returns at once."""
        if not self._told:
            self._told = True
            # By the loop itself, which might else have seen it and be gone before it is woken.
            with self._telling:
                self._server.trigger.pull_trigger(self._stopping.set)

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._poll(1.0)
            self._drain()
        except BaseException:
            self.died = True
            if not self._stopping.is_set():
                self._if_it_dies()
            raise

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
        with self._telling:
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


class _Listener(TcpWSGIServer):
    """Waitress's server, with a limit on how long a connection may wait for its next request to be whole."""

    channel_class = Channel
    active_channels: dict[int, Any]  # type: ignore[assignment]

    def __init__(self, application: Wsgi, listener: socket.socket, adj: Adjustments, watched: Any) -> None:
        dispatcher = ThreadedTaskDispatcher()
        dispatcher.set_thread_count(adj.threads)
        self.draining = False
        # A third of the files that we may open: there are another server, the database and the logs.
        self._most = min(MOST_CONNECTIONS, open_files.most() // 3)
        where = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            application, watched, True, listener, dispatcher=dispatcher, adj=adj, sockinfo=where, bind_socket=False
        )

    def maintenance(self, now: float) -> None:
        """Close what has been silent for too long, as Waitress does, and what dribbles, or does not read."""
        super().maintenance(now)  # type: ignore[arg-type]
        began_by = time.monotonic() - REQUEST_WITHIN_S
        for channel in list(self.active_channels.values()):
            if channel.total_outbufs_len and channel.last_activity < now - self.adj.channel_timeout:
                # It will never be writable, which is when Waitress looks whether it is to be closed; a thread may wait.
                channel.handle_close()
            elif not channel.requests and channel.waits_since < began_by:
                channel.will_close = True

    def readable(self) -> bool:
        """Whether another connection may come in; who comes while none may waits in the kernel."""
        accepts: bool = super().readable()
        return accepts and (len(self.active_channels) < self._most or self._make_room())

    def _make_room(self) -> bool:
        """Close the connection that has been waiting longest: who opens many and says nothing shuts nobody out."""
        spared = time.monotonic() - SPARED_S
        waiting = (
            channel
            for channel in self.active_channels.values()
            if not channel.requests and channel.waits_since < spared
        )
        longest = min(waiting, key=attrgetter("waits_since"), default=None)
        if longest:
            longest.handle_close()
        return longest is not None


def _make(
    application: Wsgi, listener: socket.socket, threads: int, max_body_bytes: int, watched: dict[int, Any]
) -> Any:
    adjustments = Adjustments(
        sockets=[listener],
        threads=threads,
        ident=None,
        backlog=_BACKLOG,
        # Waitress would stop to accept, until somebody hangs up; ours has a limit of its own.
        connection_limit=sys.maxsize,
        channel_timeout=IDLE_TIMEOUT_S,
        cleanup_interval=_LOOK_AFTER_S,
        # A client that hangs up is nothing to write down.
        log_socket_errors=False,
        max_request_header_size=MAX_HEADER_BYTES,
        # Waitress refuses a body that is as large as this.
        max_request_body_size=max_body_bytes + 1,
        # We read X-Forwarded-For ourselves: `TRUSTED_PROXIES` says how much of it is ours.
        clear_untrusted_proxy_headers=False,
        asyncore_use_poll=True,
    )
    return _Listener(application, listener, adjustments, watched)


def _is_idle(channel: Any) -> bool:
    return not (channel.requests or channel.request or channel.ahead or channel.total_outbufs_len)
