"""What is written down about a request, and what must not be."""

import resource
from pathlib import Path

import pytest

from tests.fixtures.waiting import until
from tests.nginx.edge import MAX_BODY_BYTES, TUNNEL, Edge
from tests.nginx.upstream import Reply, Upstream

SECRET = "a-key-nobody-may-read"


def test_a_request_is_one_line_with_its_id(edge: Edge) -> None:
    answer = edge.request("/v1/emails/1?key=x", headers={"User-Agent": "curl/8"})
    edge.stop()
    [line] = edge.access_log.splitlines()
    assert line.startswith("127.0.0.1 [")
    assert '"GET /v1/emails/1 HTTP/1.1" 200 6 ' in line
    assert line.endswith(f'"curl/8" {answer.headers["X-Request-ID"]}')


def test_neither_query_nor_referer_is_written_anywhere(edge: Edge, web: Upstream) -> None:
    target = f"/?sendmail=me@example.com&key={SECRET}"
    edge.request(target, headers={"Referer": f"http://edge.example/?key={SECRET}"})
    edge.request(target, method="POST", body=b"x" * (MAX_BODY_BYTES + 1))
    web.reply = Reply(status=None)
    edge.request(target)
    edge.request(f"http://edge.example/?key={SECRET}")
    edge.send(f"GET /a b?key={SECRET} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    edge.send(f"get {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    edge.send(f"GET {target}{'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    edge.stop()
    assert len(edge.access_log.splitlines()) == 7
    assert SECRET not in edge.access_log
    assert SECRET not in edge.error_log


def test_a_refused_post_is_logged_as_a_post(edge: Edge) -> None:
    edge.request("/v1/emails", method="POST", body=b"x" * (MAX_BODY_BYTES + 1))
    edge.stop()
    assert '"POST /v1/emails HTTP/1.1" 413 ' in edge.access_log


def test_the_id_of_an_error_is_the_one_in_the_log(edge: Edge, web: Upstream) -> None:
    web.reply = Reply(status=None)
    answer = edge.request()
    [seen] = web.requests()
    edge.stop()
    assert edge.access_log.split()[-1] == answer.headers["X-Request-ID"] == seen.headers["X-Request-ID"]


def test_the_client_behind_the_tunnel_is_the_one_in_the_log(edge: Edge) -> None:
    edge.request(headers={"X-Forwarded-For": "198.51.100.7"}, client=TUNNEL)
    edge.stop()
    assert edge.access_log.startswith("198.51.100.7 ")


def test_a_client_cannot_start_a_second_line(edge: Edge) -> None:
    edge.send(b'GET /%0a HTTP/1.1\r\nHost: x\r\nUser-Agent: a"\x0b\x01b\r\nX: y\r\n\r\n')
    edge.stop()
    [line] = edge.access_log.splitlines()
    assert r'"a\x22\x0B\x01b"' in line


def test_starting_and_stopping_says_nothing_alarming(edge: Edge) -> None:
    edge.request()
    edge.stop()
    assert [line for line in edge.error_log.splitlines() if "using inherited sockets" not in line] == []


@pytest.mark.parametrize(
    "path",
    [
        "/victim@example.com",
        "/v1/emails/victim%40example.com",
        "/sendmail=victim",
        f"/v1/emails/msg_{SECRET}",
        f"/{SECRET}&key=msg_{SECRET}",
    ],
)
def test_a_path_with_an_address_or_a_key_in_it_is_not_written(edge: Edge, path: str) -> None:
    """Somebody forgot the question mark."""
    edge.request(path)
    edge.stop()
    assert '"GET - HTTP/1.1" 200 ' in edge.access_log
    assert not any(word in edge.access_log + edge.error_log for word in ("victim", SECRET))


@pytest.mark.parametrize(
    "agent", ["bot/1 (+mailto:victim@example.com)", "victim%40example.com", f"curl msg_{SECRET}", f"key={SECRET}"]
)
def test_a_user_agent_with_an_address_or_a_key_in_it_is_not_written(edge: Edge, agent: str) -> None:
    answer = edge.request(headers={"User-Agent": agent})
    edge.stop()
    assert edge.access_log.endswith(f'"-" {answer.headers["X-Request-ID"]}\n')
    assert not any(word in edge.access_log + edge.error_log for word in ("victim", SECRET))


@pytest.mark.parametrize("repeated", ["@", "a", "msg_", "a?"])
@pytest.mark.parametrize("version", ["", " X", " HTTP/1.1"])
def test_a_long_request_line_is_written_down_in_no_time(edge: Edge, folder: Path, repeated: str, version: str) -> None:
    """What Nginx refuses for its length it logs all the same."""
    raw = f"GET /{repeated * (9000 // len(repeated))}{version}\r\nHost: x\r\n\r\n".encode()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert {edge.send(raw).status for _ in range(20)} == {414}
    until(lambda: (folder / "out").read_text().count("\n") == 20)
    edge.stop()
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.1
