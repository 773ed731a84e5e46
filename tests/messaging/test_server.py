"""The real server: what it refuses is answered as everything is, and at its end all that was begun is answered."""

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest

from config.values import Endpoint
from messaging import server as module
from messaging.application import Application
from messaging.replies import Answer as Reply
from messaging.request import Request
from messaging.router import Router
from messaging.server import ListenError, Server, TakenError
from tests.fixtures.client import JSON, Answer
from tests.fixtures.sockets import Connection
from tests.fixtures.waiting import until

pytestmark = pytest.mark.slow

ANY_PORT = Endpoint("127.0.0.1", 0)

MAX_BODY = 2000

ACCEPT_JSON = f"Accept: {JSON['Accept']}"


class Endpoints:
    """A fast path, a slow one that a test holds up, a long one, and one that answers with the length of what it got."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self._go_on = threading.Event()

    def router(self) -> Router:
        return Router(
            {
                "/": {"GET": self.fast},
                "/slow": {"GET": self.slow},
                "/long": {"GET": self.long},
                "/length": {"POST": self.length},
            }
        )

    def go_on(self) -> None:
        self._go_on.set()

    def fast(self, _request: Request) -> Reply:
        return Reply(HTTPStatus.OK, "fast", {})

    def slow(self, request: Request) -> Reply:
        self.arrived.append(request.id)
        assert self._go_on.wait(30)
        return Reply(HTTPStatus.OK, "slow", {})

    def long(self, _request: Request) -> Reply:
        return Reply(HTTPStatus.OK, "x" * 1_000_000, {})

    def length(self, request: Request) -> Reply:
        return Reply(HTTPStatus.OK, str(len(request.form()["text"])), {})


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    endpoints = Endpoints()
    yield endpoints
    endpoints.go_on()


MakeServer = Callable[..., Server]


@pytest.fixture
def make_server(endpoints: Endpoints) -> Iterator[MakeServer]:
    """Makes servers, and stops those that the test has started and left running."""
    made: list[Server] = []

    def make(threads: int = 4, endpoint: Endpoint = ANY_PORT) -> Server:
        made.append(Server(Application(endpoints.router(), MAX_BODY), endpoint, threads, MAX_BODY))
        return made[-1]

    yield make
    endpoints.go_on()
    for server in made:
        if not server._thread.ident:
            server.start()
        server.stop()
        server.join()


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    server = make_server()
    server.start()
    return server


def ended_within(server: Server, seconds: float) -> bool:
    server._thread.join(seconds)
    return not server._thread.is_alive()


def is_draining(server: Server) -> bool:
    """Whether it has stopped to listen."""
    return bool(server._server.draining) and not server._server.accepting


def test_requests_are_answered_on_a_kept_connection(server: Server) -> None:
    with Connection(server.endpoint) as connection:
        for _ in range(3):
            connection.get("/")
            answer = connection.answer()
            assert (answer.status, answer.text) == (200, "fast")
            assert "Connection" not in answer.headers


def test_head_has_the_header_of_get_and_no_body(server: Server) -> None:
    with Connection(server.endpoint) as connection:
        connection.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection._received.read1(65536).endswith(b"\r\n\r\n")


def test_a_body_may_be_as_large_as_the_limit(server: Server) -> None:
    with Connection(server.endpoint) as connection:
        connection.send(post(b"text=" + b"x" * (MAX_BODY - 5)))
        assert connection.answer().text == str(MAX_BODY - 5)


def test_a_body_may_come_in_chunks(server: Server) -> None:
    with Connection(server.endpoint) as connection:
        connection.send(post(b"text=" + b"x" * 1000, chunked=True))
        assert connection.answer().text == "1000"


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 200), (MAX_BODY + 1, 413)])
def test_a_body_in_chunks_has_the_same_limit_whatever_they_are_wrapped_in(
    server: Server, size: int, status: int
) -> None:
    body = b"text=" + b"x" * (size - 5)
    chunks = b"".join(b"1;an=extension\r\n%c\r\n" % each for each in body)
    with Connection(server.endpoint) as connection:
        head, _, _ = post(b"", chunked=True).partition(b"\r\n\r\n")
        connection.send(head + b"\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert connection.answer().status == status


def test_an_address_that_is_taken_is_an_error(server: Server) -> None:
    with pytest.raises(TakenError, match="Address already in use"):
        Server(Application(Router({}), 1), server.endpoint, 1, 1)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("192.0.2.1", "Cannot assign requested address"),
        ("host.invalid", "Name or service not known|Temporary failure in name resolution"),
        ("::nonsense", "Name or service not known|Address family"),
    ],
)
def test_an_address_that_is_none_of_this_machine_is_an_error(host: str, reason: str) -> None:
    with pytest.raises(ListenError, match=f"^({reason})$") as caught:
        Server(Application(Router({}), 1), Endpoint(host, 0), 1, 1)
    assert not isinstance(caught.value, TakenError)


def test_it_listens_with_ip_version_6(make_server: MakeServer) -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    try:
        server = make_server(endpoint=Endpoint("::1", 0))
    except ListenError as error:
        pytest.skip(str(error))
    server.start()
    with Connection(server.endpoint) as connection:
        connection.get("/")
        assert connection.answer().text == "fast"


# What Waitress refuses before anybody else sees it.


def post(body: bytes, *, chunked: bool = False) -> bytes:
    head = b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    if chunked:
        return head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


REFUSED = {
    "a body over the limit": (post(b"x" * (MAX_BODY + 1)), 413),
    "a body far over the limit": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n", 413),
    "a body over the limit in chunks": (post(b"x" * (MAX_BODY + 1), chunked=True), 413),
    "a header over the limit": (b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"c" * 40_000 + b"\r\n\r\n", 431),
    "a first line over the limit": (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
    "no method": (b"nonsense\r\n\r\n", 400),
    "a method in small letters": (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a method with control characters": (b"ge\x1b[31mt / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a length that is no number": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ten\r\n\r\n", 400),
    "a negative length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a length of too many digits": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        400,
    ),
    "a header field without a colon": (b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "a bare line feed": (b"GET / HTTP/1.1\r\nHost: a\nX-Secret: hunter2\r\n\r\n", 400),
    "a first line that is folded": (b"GET / HTTP/1.1\r\n folded\r\n\r\n", 400),
    "a target that is no URL": (b"GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a chunk without a size": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
        400,
    ),
    # Never a 5xx for anything that a client sends.
    "a transfer coding that is not known": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        400,
    ),
}


def refusal(server: Server, request: bytes) -> Answer:
    with Connection(server.endpoint) as connection:
        # The server may answer and close before it has read all.
        with contextlib.suppress(ConnectionError):
            connection.send(request)
        answer = connection.answer()
        assert answer.headers["Connection"] == "close"
        assert len(answer.headers.get_all("X-Request-ID", [])) == 1
        assert len(answer.headers["X-Request-ID"]) == 16
        assert int(answer.headers["Content-Length"]) == len(answer.body)
    return answer


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_has_the_form_of_every_error(server: Server, what: str) -> None:
    request, status = REFUSED[what]
    answer = refusal(server, request)
    assert answer.status == status
    assert answer.text.startswith("error: ")
    for sent in ("hunter2", "[31m", "nonsense", "get", "folded"):
        assert sent not in answer.text


def test_words_that_are_not_encoded_are_refused_with_what_to_do(server: Server) -> None:
    answer = refusal(server, "GET /?subject=Grüße HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert (answer.status, answer.text) == (
        400,
        "error: the URL must be in ASCII, and all else percent-encoded, as curl -G --data-urlencode does it",
    )


@pytest.mark.parametrize("what", ["a body far over the limit", "a space before the colon", "a chunk without a size"])
def test_a_refusal_can_be_json(server: Server, what: str) -> None:
    request, status = REFUSED[what]
    head, _, rest = request.partition(b"\r\n")
    answer = refusal(server, head + b"\r\n" + ACCEPT_JSON.encode() + b"\r\n" + rest)
    assert answer.json["status"] == answer.status == status
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


def test_a_refusal_keeps_the_id_that_a_proxy_gave_the_request(server: Server) -> None:
    with Connection(server.endpoint) as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: a\r\nX-Request-ID: from-the-proxy\r\nContent-Length: 999999\r\n\r\n")
        assert connection.answer().headers["X-Request-ID"] == "from-the-proxy"


def test_after_a_refusal_others_are_answered(server: Server) -> None:
    for request, _ in REFUSED.values():
        refusal(server, request)
    with Connection(server.endpoint) as connection:
        connection.get("/")
        assert connection.answer().text == "fast"


# Clients that are slow on purpose.


def half_sent(server: Server, count: int) -> list[Connection]:
    """Connections that begin a request and do not end it: half of them in its header, half in its body."""
    connections = [Connection(server.endpoint) for _ in range(count)]
    for number, connection in enumerate(connections):
        connection.send(post(b"text=" + b"x" * 100)[: 30 if number % 2 else -50])
    until(lambda: sum(each.request is not None for each in list(server._server.active_channels.values())) == count)
    return connections


def test_slow_clients_hold_no_thread(make_server: MakeServer) -> None:
    server = make_server(threads=1)
    server.start()
    with contextlib.ExitStack() as stack:
        for each in half_sent(server, 100):
            stack.callback(each.close)
        with Connection(server.endpoint) as connection:
            for _ in range(3):
                connection.get("/")
                assert connection.answer().text == "fast"


@pytest.fixture
def impatient_server(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> Server:
    """One that looks after its connections all the time."""
    monkeypatch.setattr(module, "_LOOK_AFTER_S", 0)
    monkeypatch.setattr(module, "REQUEST_WITHIN_S", 0.5)
    server = make_server()
    server.start()
    return server


def dribble(connection: Connection, what: bytes) -> None:
    """Send it again and again, until the server has enough of that."""
    for _ in range(500):
        connection.send(what)
        time.sleep(0.02)  # it is the client that is slow


@pytest.mark.parametrize(
    ("begun", "dribbled"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"x", id="a header"),
        pytest.param(post(b"text=" + b"x" * 1000)[:-900], b"x", id="a body"),
        pytest.param(post(b"", chunked=True)[:-7], b"1\r\nx\r\n", id="chunks"),
        pytest.param(b"", b"\r\n\r\n", id="empty lines"),
    ],
)
def test_who_sends_a_byte_now_and_then_is_not_listened_to_for_ever(
    impatient_server: Server, begun: bytes, dribbled: bytes
) -> None:
    with Connection(impatient_server.endpoint) as connection:
        connection.send(begun)
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            dribble(connection, dribbled)
        assert 0.4 < time.monotonic() - began < 5


def test_who_sends_whole_requests_is_listened_to_for_as_long_as_they_like(impatient_server: Server) -> None:
    with Connection(impatient_server.endpoint) as connection:
        began = time.monotonic()
        while time.monotonic() - began < 1.2:
            connection.get("/")
            assert connection.answer().text == "fast"
            time.sleep(0.1)  # it is the client that is slow


def test_a_request_that_takes_long_to_answer_is_answered(impatient_server: Server, endpoints: Endpoints) -> None:
    with Connection(impatient_server.endpoint) as connection:
        connection.get("/slow")
        until(lambda: len(endpoints.arrived) == 1)
        time.sleep(0.7)  # longer than a request may take to arrive
        endpoints.go_on()
        assert connection.answer().text == "slow"
        connection.get("/")
        assert connection.answer().text == "fast"


def test_a_silent_connection_is_closed(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_AFTER_S", 0)
    monkeypatch.setattr(module, "IDLE_TIMEOUT_S", 1)
    server = make_server()
    server.start()
    with Connection(server.endpoint) as silent, Connection(server.endpoint) as half:
        half.send(b"GET / HTTP/1.1\r\n")
        assert silent.is_at_its_end()
        assert half.is_at_its_end()


def test_who_asks_and_does_not_read_holds_no_thread_and_no_more_than_one_answer(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_AFTER_S", 0)
    monkeypatch.setattr(module, "IDLE_TIMEOUT_S", 1)
    server = make_server(threads=1)
    server.start()
    with Connection(server.endpoint) as deaf, Connection(server.endpoint) as other:
        deaf.send(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40)
        until(lambda: unsent(server) > 500_000)
        for _ in range(20):
            other.get("/")
            assert other.answer().text == "fast"
            assert unsent(server) < 1_100_000
        until(lambda: not unsent(server))


def test_what_the_kernel_holds_for_who_does_not_read_has_a_bound(server: Server) -> None:
    with Connection(server.endpoint) as connection:
        connection.get("/")
        assert connection.answer().text == "fast"
        (channel,) = server._server.active_channels.values()
        # Linux adds as much again for itself (socket(7)); without a bound it would let it grow to megabytes.
        assert channel.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * module._SEND_BUFFER == 131_072


def unsent(server: Server) -> int:
    """What lies there for clients that do not read."""
    return sum(each.total_outbufs_len for each in list(server._server.active_channels.values()))


def test_what_comes_ahead_of_its_turn_waits_for_it(make_server: MakeServer, endpoints: Endpoints) -> None:
    server = make_server(threads=2)
    server.start()
    requests = b"".join(
        [
            b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n",
            post(b"text=abc"),
            b"\r\n",
            post(b"text=abcde", chunked=True),
            b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ]
    )
    with Connection(server.endpoint) as connection:
        for piece in (requests[:20], requests[20:100], requests[100:]):
            connection.send(piece)
        until(lambda: len(endpoints.arrived) == 1)
        (channel,) = server._server.active_channels.values()
        assert len(channel.requests) == 1
        endpoints.go_on()
        assert [connection.answer().text[:6] for _ in range(5)] == ["slow", "3", "5", "xxxxxx", "fast"]
        assert connection.is_at_its_end()
    assert len(endpoints.arrived) == 1


def test_what_comes_ahead_is_answered_or_refused_like_anything_else(server: Server) -> None:
    with Connection(server.endpoint) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 300 + b"nonsense\r\n\r\n")
        for _ in range(300):
            assert connection.answer().text == "fast"
        assert connection.answer().status == 400
        assert connection.is_at_its_end()


def test_a_request_that_comes_half_ahead_is_answered_when_it_is_whole(server: Server) -> None:
    with Connection(server.endpoint) as connection:
        connection.get("/")
        connection.send(post(b"text=abc")[:-3])
        assert connection.answer().text == "fast"
        connection.send(b"abc")
        assert connection.answer().text == "3"


def test_where_there_is_no_room_who_has_said_nothing_for_longest_makes_some(
    make_server: MakeServer, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 4)
    monkeypatch.setattr(module, "SPARED_S", 0.0)
    server = make_server()
    server.start()
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(Connection(server.endpoint))
        busy.get("/slow")
        until(lambda: len(endpoints.arrived) == 1)
        silent, first, second = (stack.enter_context(Connection(server.endpoint)) for _ in range(3))
        assert silent.is_at_its_end()
        first.get("/")
        assert first.answer().text == "fast"
        newcomer = stack.enter_context(Connection(server.endpoint))
        assert second.is_at_its_end()
        for each in (newcomer, first):
            each.get("/")
            assert each.answer().text == "fast"
        endpoints.go_on()
        assert busy.answer().text == "slow"


def test_where_all_are_being_answered_who_comes_then_waits(
    make_server: MakeServer, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CONNECTIONS", 3)
    server = make_server()
    server.start()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.endpoint)) for _ in range(12)]
        for connection in connections:
            connection.get("/slow", "Connection: close")
        until(lambda: len(endpoints.arrived) == 3)
        assert len(server._server.active_channels) == 3
        endpoints.go_on()
        assert [connection.answer().text for connection in connections] == ["slow"] * 12


def test_a_client_that_hangs_up_is_nothing_to_write_down(
    server: Server, endpoints: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")
    for sent in (b"", b"GET / HTTP/1.1\r\n", post(b"text=x")[:-1], b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"):
        with Connection(server.endpoint) as connection:
            connection.send(sent)
            # It is reset, not closed.
            connection._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    endpoints.go_on()
    until(lambda: not server._server.active_channels)
    with Connection(server.endpoint) as connection:
        connection.get("/")
        assert connection.answer().text == "fast"
    # What Waitress says of its queue is never logged (config/logs.py).
    assert [record.message for record in caplog.records if record.name != "waitress.queue"] == []


# Its end: `stop` while requests are at every point of their way.


def test_without_connections_it_ends_at_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_S", 30.0)
    server.stop()
    assert ended_within(server, 5)


def test_it_may_be_awake_already_and_at_its_end_before_it_is_told(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = make_server()
    server.start()
    trigger = server._server.trigger
    pull = trigger._physical_pull

    def pull_late() -> None:
        pull()  # somebody else does, at the same moment
        assert not ended_within(server, 0.3)
        pull()

    monkeypatch.setattr(trigger, "_physical_pull", pull_late)
    server.stop()
    assert ended_within(server, 5)


def test_requests_that_run_are_answered(server: Server, endpoints: Endpoints) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.endpoint)) for _ in range(4)]
        for connection in connections:
            connection.get("/slow")
        until(lambda: len(endpoints.arrived) == 4)
        server.stop()
        until(lambda: is_draining(server))
        endpoints.go_on()
        for connection in connections:
            answer = connection.answer()
            assert (answer.status, answer.text) == (200, "slow")
            assert answer.headers["Connection"] == "close"
            assert connection.is_at_its_end()
    assert ended_within(server, 5)


def test_requests_that_wait_for_a_thread_are_answered(make_server: MakeServer, endpoints: Endpoints) -> None:
    server = make_server(threads=2)
    server.start()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.endpoint)) for _ in range(12)]
        for connection in connections:
            connection.get("/slow")
        waiting = server._server.task_dispatcher.queue
        until(lambda: (len(waiting), len(endpoints.arrived)) == (10, 2))
        server.stop()
        until(lambda: is_draining(server))
        endpoints.go_on()
        assert [connection.answer().text for connection in connections] == ["slow"] * 12
    assert ended_within(server, 5)


def test_a_request_that_is_half_received_is_answered(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_S", 0.05)
    requests = [post(b"text=" + b"x" * 100), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.endpoint)) for _ in requests]
        for connection, request in zip(connections, requests, strict=True):
            connection.send(request[: len(request) // 2])
        until(lambda: sum(c.request is not None for c in list(server._server.active_channels.values())) == 2)
        server.stop()
        assert not ended_within(server, 0.2)
        for connection, request in zip(connections, requests, strict=True):
            connection.send(request[len(request) // 2 :])
        assert [connection.answer().text for connection in connections] == ["100", "fast"]
    assert ended_within(server, 5)


def test_connections_that_nobody_has_accepted_yet_are_answered(make_server: MakeServer) -> None:
    server = make_server()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(server.endpoint)) for _ in range(200)]
        for connection in connections:
            connection.get("/", "Connection: close")
        server.stop()
        server.start()
        assert [connection.answer().text for connection in connections] == ["fast"] * 200
    assert ended_within(server, 5)


def test_a_kept_connection_without_a_request_is_closed(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINGER_S", 0.05)
    with Connection(server.endpoint) as used, Connection(server.endpoint) as unused:
        used.get("/")
        assert used.answer().text == "fast"
        until(lambda: len(server._server.active_channels) == 2)
        server.stop()
        assert ended_within(server, 5)
        assert used.is_at_its_end()
        assert unused.is_at_its_end()


def test_a_request_on_a_kept_connection_that_was_on_its_way_is_answered(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINGER_S", 30.0)
    with Connection(server.endpoint) as connection:
        connection.get("/")
        assert "Connection" not in connection.answer().headers
        server.stop()
        until(lambda: is_draining(server))
        connection.get("/")
        answer = connection.answer()
        assert (answer.text, answer.headers["Connection"]) == ("fast", "close")
        assert connection.is_at_its_end()
    assert ended_within(server, 5)


def test_nobody_can_connect_any_more(server: Server, endpoints: Endpoints) -> None:
    with Connection(server.endpoint) as connection:
        connection.get("/slow")
        until(lambda: len(endpoints.arrived) == 1)
        server.stop()
        until(lambda: is_draining(server))
        with pytest.raises(ConnectionRefusedError):
            Connection(server.endpoint)
        endpoints.go_on()
        assert connection.answer().text == "slow"


def test_a_request_that_never_ends_does_not_hold_the_end_for_ever(
    server: Server, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAIN_S", 0.3)
    with Connection(server.endpoint) as connection:
        connection.get("/slow")
        until(lambda: len(endpoints.arrived) == 1)
        server.stop()
        assert ended_within(server, 5)
        assert connection.is_at_its_end()


def test_a_request_that_is_never_whole_does_not_hold_the_end_for_ever(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAIN_S", 0.3)
    with Connection(server.endpoint) as connection:
        connection.send(b"GET / HTTP/1.1\r\n")
        until(lambda: any(c.request is not None for c in list(server._server.active_channels.values())))
        server.stop()
        assert ended_within(server, 5)


def test_under_load_every_request_that_began_before_the_end_is_answered(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINGER_S", 5.0)
    stopped_at: list[float] = []
    begun: list[float] = []
    failed: list[tuple[float, Exception]] = []

    def load() -> None:
        while True:
            began = time.monotonic()
            begun.append(began)
            try:
                with Connection(server.endpoint) as connection:
                    connection.get("/", "Connection: close")
                    assert connection.answer().text == "fast"
            except ConnectionRefusedError:
                return
            except Exception as error:
                failed.append((began, error))
                return

    clients = [threading.Thread(target=load) for _ in range(8)]
    for client in clients:
        client.start()
    until(lambda: len(begun) > 200)
    stopped_at.append(time.monotonic())
    server.stop()
    for client in clients:
        client.join()
    assert ended_within(server, 5)
    assert [error for began, error in failed if began < stopped_at[0]] == []


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"NONSENSE\r\n\r\n", 400),
        (b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", 413),
        (b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
    ],
)
def test_no_answer_says_what_server_gives_it(server: Server, raw: bytes, status: int) -> None:
    with Connection(server.endpoint) as connection:
        connection.send(raw)
        answer = connection.answer()
    assert answer.status == status
    assert not any(name in answer.headers for name in ("Server", "Via", "X-Powered-By"))
    assert not re.search(rb"(?i)waitress|python|\d\.\d", answer.body)
