"""One connection: how Waitress reads its requests, and how each is answered or refused."""

import time
from http import HTTPStatus
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest

from messaging.errors import RequestError, ServerRefusalError, TooLargeError
from messaging.grammar import HeadError, check_framing, check_head
from messaging.replies import render_error
from messaging.request import request_id, wants_json

#: Bytes of the line above a chunk, its size and what may follow that.
_MOST_CHUNK_LINE: Final = 1024


class Task(WSGITask):
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

    def finish(self) -> None:
        super().finish()
        self.channel.waits_since = time.monotonic()

    def build_response_header(self) -> bytes:
        if self.channel.server.draining:
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class RefusalTask(ErrorTask):
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


class Parser(HTTPRequestParser):
    """Reads a request, strictly; what Waitress does not expect ends in a refusal, not in a lost connection."""

    #: What came behind the end of the request.
    ahead = b""

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.completed:
            # Told to go on with a request that has no body, or is refused, a client would wait for ever.
            self.expect_continue = False
            if not self.empty:
                self.ahead, consumed = data[consumed:], len(data)
        return consumed

    @property
    def body_bytes_received(self) -> int:
        """What is counted against the limit of a body: of one in chunks what they hold, and not their frames."""
        return 0 if self.body_rcv is None else len(self.body_rcv)

    @body_bytes_received.setter
    def body_bytes_received(self, _bytes: int) -> None:
        """Waitress counts all that came."""

    def parse_header(self, header_plus: bytes) -> None:
        try:
            head = check_head(header_plus)
            super().parse_header(head)
            check_framing(head, self.version, self.headers)
        except ValueError as error:  # of ours; or a length of thousands of digits, a host with half a bracket
            words = str(error) if isinstance(error, HeadError) else "Bad URI or Content-Length"
            raise ParsingError(words) from error
        if self.chunked and self.body_rcv is not None:
            self.body_rcv = _Chunks(self.body_rcv.getbuf())


class _Chunks(ChunkedReceiver):
    """A body in chunks; Waitress would gather a line without an end, and read it anew with each byte that comes."""

    def received(self, s: bytes) -> int:
        consumed: int = super().received(s)
        if max(len(self.control_line), len(self.trailer)) > _MOST_CHUNK_LINE:
            self.error = BadRequest("a line between chunks is too long")
        return consumed


class Channel(HTTPChannel):
    """A connection whose requests are read and answered by the classes above, one after the other.

    Waitress reads whatever requests come together and answers them all, whether anybody takes the answers or not: 8 KB
    of requests became 16 MB of answers, for each connection. Here the next one is read when the last one's answer has
    gone, so that one request, one answer and 8 KB are all that a connection can hold.
    """

    parser_class = Parser
    task_class = Task
    error_task_class = RefusalTask

    def __init__(self, *arguments: Any, **named: Any) -> None:
        #: Since when we wait for its next request to be whole, by the monotonic clock.
        self.waits_since = time.monotonic()
        #: What came behind the request that is being answered.
        self.ahead = b""
        super().__init__(*arguments, **named)

    def service(self) -> None:
        # Before the request is answered: after that the loop may look for it.
        request: Any = self.requests[0]
        self.ahead = request.ahead
        super().service()

    def received(self, data: bytes) -> bool:
        data, self.ahead = self.ahead + data, b""
        taken: bool = super().received(data)
        return taken

    def writable(self) -> bool:
        # Asked of each connection in each turn of the loop.
        return bool(super().writable() or (self.ahead and self._may_go_on()))

    def handle_write(self) -> None:
        super().handle_write()
        if self.ahead and self._may_go_on():
            self.received(b"")

    def _may_go_on(self) -> bool:
        """Whether it is the turn of what came ahead of it."""
        return self.connected and not self.requests and not self.total_outbufs_len
