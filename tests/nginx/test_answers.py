"""What the client gets: the service's own answers untouched, and one form of error where there is none."""

import json
import socket
from functools import partial
from pathlib import Path

import pytest

from tests.nginx.edge import MAX_BODY_BYTES, TUNNEL, Answer, Edge
from tests.nginx.upstream import Reply, Upstream


def assert_problem(answer: Answer, status: int) -> None:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    assert answer.headers.get_all("X-Request-ID") == [problem["request_id"]]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert ("Allow" in answer.headers) == (status == 405)
    assert ("Retry-After" in answer.headers) == (status in (429, 502, 503, 504))
    assert answer.headers["Server"] == "nginx"


@pytest.mark.parametrize("status", [200, 202, 400, 404, 413, 422, 429, 500, 502, 503, 504])
def test_what_the_service_answers_passes_through_untouched(status: int, edge: Edge, web: Upstream) -> None:
    headers = (("Content-Type", "text/plain"), ("Retry-After", "7"), ("X-Request-ID", "of-the-service"))
    web.reply = Reply(status, headers, b"the service's own words\n")
    answer = edge.request()
    assert (answer.status, answer.body) == (status, b"the service's own words\n")
    assert answer.headers.get_all("Content-Type") == ["text/plain"]
    assert answer.headers.get_all("Retry-After") == ["7"]
    assert len(answer.headers.get_all("X-Request-ID", [])) == 1


def test_the_version_of_nginx_is_not_told(edge: Edge) -> None:
    assert edge.request().headers["Server"] == "nginx"


def test_no_web_process_is_a_502_that_says_when_to_come_back(nginx: str, folder: Path) -> None:
    edge = Edge(nginx, folder, "127.0.0.1:9")
    edge.start()
    try:
        answer = edge.request()
    finally:
        edge.stop()
    assert_problem(answer, 502)
    assert answer.headers["Retry-After"] == "5"


def test_a_get_whose_answer_is_lost_is_not_sent_again(edge: Edge, web: Upstream) -> None:
    web.reply = Reply(status=None)
    assert_problem(edge.request("/?sendmail=me@example.com"), 502)
    assert len(web.requests()) == 1


def test_a_get_is_not_sent_again_on_a_kept_connection_either(edge: Edge, web: Upstream) -> None:
    for _ in range(4):
        edge.request()
    web.requests()
    web.reply = Reply(status=None)
    assert_problem(edge.request("/?sendmail=me@example.com"), 502)
    assert len(web.requests()) == 1


def test_a_web_process_that_takes_too_long_is_a_504(idle_edge: Edge, web: Upstream) -> None:
    idle_edge.start({"proxy_read_timeout 30s": "proxy_read_timeout 100ms"})
    web.reply = Reply(hold=True)
    answer = idle_edge.request()
    assert_problem(answer, 504)
    assert answer.headers["Retry-After"] == "30"
    assert len(web.requests()) == 1


def test_a_body_of_the_allowed_size_passes(edge: Edge, web: Upstream) -> None:
    assert edge.request(method="POST", body=b"x" * MAX_BODY_BYTES).status == 200
    [seen] = web.requests()
    assert len(seen.body) == MAX_BODY_BYTES


def test_a_larger_body_is_a_413_and_never_reaches_the_web_process(edge: Edge, web: Upstream) -> None:
    answer = edge.request(method="POST", body=b"x" * (MAX_BODY_BYTES + 1))
    assert_problem(answer, 413)
    assert str(MAX_BODY_BYTES) in json.loads(answer.body)["detail"]
    assert web.requests() == []


def test_too_many_requests_at_once_from_one_address_are_a_429(idle_edge: Edge, web: Upstream) -> None:
    idle_edge.start({"limit_conn connections 256": "limit_conn connections 1"})
    web.reply = Reply(hold=True)
    first = idle_edge.connect("127.0.0.3")
    first.request("GET", "/")
    web.arrived.get(timeout=10)
    answer = idle_edge.request(client="127.0.0.3")
    assert_problem(answer, 429)
    assert answer.headers["Retry-After"] == "1"
    web.release()
    assert idle_edge.request(client="127.0.0.4").status == 200, "another address is not meant"
    first.getresponse().read()
    first.close()


def test_a_client_that_sends_too_fast_is_told_when_to_come_back(idle_edge: Edge, web: Upstream) -> None:
    idle_edge.start({"burst=1000": "burst=2", "rate=100r/s": "rate=1r/m"})
    answers = [idle_edge.request(client="127.0.0.3") for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert_problem(answers[-1], 429)
    assert answers[-1].headers["Retry-After"] == "1"
    assert idle_edge.request(client="127.0.0.4").status == 200, "another client is not meant"
    assert len(web.requests()) == 4


@pytest.mark.parametrize(
    ("first", "again", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:a:b:c:d", True),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", True),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8::a:b:c", True),
        ("2001:db8::1", "2001:0DB8:0000:0000:0000:0000:0000:0002", True),
        ("2001:db8::1", "2001:db8:0:0:1::", True),
        ("2001:db8:0:0:a:0:0:0", "2001:db8::a", True),
        ("2001:0:0:2:a:b:c:d", "2001:0:0:2::", True),
        ("2001:0:0:2:a:b:c:d", "2001:0:0:3:a:b:c:d", False),
        ("2001:0:0:2:a:b:c:d", "2001::1", False),
        ("2001:db8:a0a:d0a::1", "2001:db8:a0a:d0a::a0a", True),
        ("2001:db8:a0a:d0a::1", "2001:db8:a0a:d0b::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("10.10.10.10", "10.10.10.11", False),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("2001:db8::1", "2001:db9::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "192.0.2.1", True),
    ],
)
def test_who_has_a_network_of_ipv6_is_one_client(idle_edge: Edge, first: str, again: str, same: bool) -> None:
    idle_edge.start({" burst=1000 nodelay": "", "rate=100r/s": "rate=1r/m"})
    statuses = [idle_edge.request(headers={"X-Forwarded-For": at}, client=TUNNEL).status for at in (first, again)]
    assert statuses == [200, 429 if same else 200]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PROPFIND", "CONNECT", "TRACE", "GETT"])
def test_a_method_that_no_path_knows_never_reaches_the_web_process(edge: Edge, web: Upstream, method: str) -> None:
    answer = edge.send(headers_of(f"{method} / HTTP/1.1".encode()))
    assert_problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD, POST, OPTIONS"
    assert web.requests() == []


def headers_of(*lines: bytes) -> bytes:
    return b"\r\n".join([*lines, b"Host: edge.example", b"", b""])


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"NONSENSE\r\n\r\n", 400, id="not HTTP"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(headers_of(b"GET / HTTP/1.1", b"Host: twice.example"), 400, id="two hosts"),
        pytest.param(headers_of(b"GET /edge-problem HTTP/1.1"), 404, id="the error page itself"),
        pytest.param(headers_of(b"TRACE / HTTP/1.1"), 405, id="TRACE"),
        pytest.param(headers_of(b"GET /?text=" + b"x" * 9000 + b" HTTP/1.1"), 414, id="long address"),
        pytest.param(headers_of(b"GET / HTTP/1.1", b"X: " + b"x" * 9000), 431, id="long header"),
        pytest.param(headers_of(b"GET / HTTP/3.0"), 400, id="unknown version"),
        pytest.param(headers_of(b"GET / HTTP/1.1", b"Transfer-Encoding: gzip"), 400, id="unknown transfer coding"),
    ],
)
def test_what_nginx_refuses_itself_has_the_same_form(raw: bytes, status: int, edge: Edge, web: Upstream) -> None:
    assert_problem(edge.send(raw), status)
    assert web.requests() == []


def test_a_request_of_http_0_9_never_reaches_the_web_process(edge: Edge, web: Upstream) -> None:
    with socket.create_connection(edge.address, timeout=10) as connection:
        connection.sendall(b"GET /?talktome\r\n")
        received = b"".join(iter(partial(connection.recv, 65536), b""))
    assert json.loads(received)["status"] == 400
    assert web.requests() == []


def test_a_request_without_a_host_reaches_the_web_process_with_one(edge: Edge, web: Upstream) -> None:
    assert edge.send(b"GET / HTTP/1.0\r\n\r\n").status == 200
    [seen] = web.requests()
    assert seen.headers.get_all("Host") == ["localhost"]


def test_a_refused_head_has_no_body(edge: Edge, web: Upstream) -> None:
    web.reply = Reply(status=None)
    answer = edge.request(method="HEAD")
    assert (answer.status, answer.body) == (502, b"")
