"""What the web process is told about a request, and what it is not."""

from tests.nginx.edge import TUNNEL, Edge
from tests.nginx.upstream import Upstream

FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1",
    "X-Real-IP": "203.0.113.9",
    "X-Request-ID": "chosen-by-the-client",
    "Forwarded": "for=203.0.113.9",
}


def test_what_a_client_claims_about_itself_is_overwritten(edge: Edge, web: Upstream) -> None:
    answer = edge.request(headers=FORGED)
    [seen] = web.requests()
    assert seen.headers.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert seen.headers.get_all("X-Forwarded-Proto") == ["http"]
    assert seen.headers.get_all("X-Request-ID") == [answer.headers["X-Request-ID"]]
    assert answer.headers["X-Request-ID"] != FORGED["X-Request-ID"]
    for name in ("X-Forwarded-Host", "X-Forwarded-Port", "X-Real-IP", "Forwarded"):
        assert name not in seen.headers


def test_behind_the_tunnel_the_last_forwarded_address_is_the_client(edge: Edge, web: Upstream) -> None:
    edge.request(headers={"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}, client=TUNNEL)
    [seen] = web.requests()
    assert seen.headers.get_all("X-Forwarded-For") == ["198.51.100.7"]


def test_behind_the_tunnel_a_second_forwarding_header_does_not_hide_the_client(edge: Edge, web: Upstream) -> None:
    connection = edge.connect(TUNNEL)
    connection.putrequest("GET", "/")
    connection.putheader("X-Forwarded-For", "203.0.113.9")
    connection.putheader("X-Forwarded-For", "198.51.100.7")
    connection.endheaders()
    connection.getresponse().read()
    connection.close()
    [seen] = web.requests()
    assert seen.headers.get_all("X-Forwarded-For") == ["198.51.100.7"]


def test_behind_the_tunnel_an_address_that_is_none_leaves_the_tunnels_own(edge: Edge, web: Upstream) -> None:
    edge.request(headers={"X-Forwarded-For": "nonsense"}, client=TUNNEL)
    [seen] = web.requests()
    assert seen.headers.get_all("X-Forwarded-For") == [TUNNEL]


def test_the_tunnel_may_say_that_the_client_came_by_https(edge: Edge, web: Upstream) -> None:
    edge.request(headers={"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}, client=TUNNEL)
    [seen] = web.requests()
    assert seen.headers.get_all("X-Forwarded-Proto") == ["https"]


def test_the_tunnel_may_not_invent_a_scheme(edge: Edge, web: Upstream) -> None:
    edge.request(headers={"X-Forwarded-Proto": "javascript"}, client=TUNNEL)
    [seen] = web.requests()
    assert seen.headers.get_all("X-Forwarded-Proto") == ["http"]


def test_the_host_keeps_its_port(edge: Edge, web: Upstream) -> None:
    edge.request(headers={"Host": "mail.example:8000"})
    [seen] = web.requests()
    assert seen.headers.get_all("Host") == ["mail.example:8000"]


def test_the_target_arrives_byte_for_byte(edge: Edge, web: Upstream) -> None:
    target = "/action//x/%2e%2e/?sendmail=me+tag@example.com&text=a%20b%2Bc&talktome"
    edge.request(target)
    [seen] = web.requests()
    assert seen.line == f"GET {target} HTTP/1.1"


def test_a_body_and_a_key_arrive_as_they_were_sent(edge: Edge, web: Upstream) -> None:
    edge.request("/v1/emails", method="POST", body=b'{"to":"x"}', headers={"Authorization": "Bearer abc"})
    [seen] = web.requests()
    assert (seen.body, seen.headers["Authorization"]) == (b'{"to":"x"}', "Bearer abc")


def test_connections_to_the_web_process_are_kept(edge: Edge, web: Upstream) -> None:
    # Each of the two worker processes keeps its own, so one more client than those has to find a kept one.
    for _ in range(3):
        edge.request()
    seen = web.requests()
    assert len({one.peer for one in seen}) < len(seen)
    assert all("Connection" not in one.headers for one in seen)
