"""A web process for Nginx to talk to: it answers what the test asks for and remembers every request."""

import contextlib
import threading
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue


@dataclass(frozen=True)
class Seen:
    """One request as it left Nginx."""

    line: str
    headers: Message
    body: bytes
    peer: tuple[str, int]


@dataclass(frozen=True)
class Reply:
    """What to answer. No status: the connection is closed instead. `hold`: not before the test says `release`."""

    status: int | None = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"hello\n"
    hold: bool = False


class _Server(ThreadingHTTPServer):
    """One that lets hundreds connect at the same moment."""

    request_queue_size = 512


class Upstream:
    """Listens on a port of its own; `reply` is the answer to every request until it is replaced."""

    def __init__(self) -> None:
        self.reply = Reply()
        self.arrived: SimpleQueue[Seen] = SimpleQueue()
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def release(self) -> None:
        self._released.set()

    def requests(self) -> list[Seen]:
        """What arrived since the last time of asking."""
        return [self.arrived.get() for _ in range(self.arrived.qsize())]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                reply = upstream.reply
                upstream.arrived.put(Seen(self.requestline, self.headers, body, self.client_address))
                if reply.hold:
                    upstream._released.wait(timeout=20)
                if reply.status is None:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                # Nginx may have hung up, since its client does not listen any more.
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(reply.body)

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def do_HEAD(self) -> None:
                self.answer()

            def log_message(self, *args: object) -> None:
                """Stay silent; the test looks at `arrived`."""

        return Handler
