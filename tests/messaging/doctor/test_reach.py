"""What answers at a URL, in the open and within TLS."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from messaging.doctor.checks.reach import check_reach, reach
from messaging.doctor.finding import TroubleError
from tests.servers.certificates import authority
from tests.servers.tls_proxy import TlsProxy


class Health(BaseHTTPRequestHandler):
    """Answers as a web process does."""

    def do_GET(self) -> None:
        body = json.dumps({"instance": "it", "client": self.headers.get("X-Forwarded-For", "10.0.0.1")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_who_answers_whom_it_takes_us_for_and_between_which_addresses_is_seen(port: int) -> None:
    reached = reach(f"http://127.0.0.1:{port}", claim="192.0.2.77")
    assert (reached.instance, reached.client) == ("it", "192.0.2.77")
    assert (reached.own, reached.peer) == ("127.0.0.1", "127.0.0.1")


def test_a_certificate_has_to_be_of_an_authority_that_is_trusted(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with TlsProxy(port) as proxy:
        url = f"https://127.0.0.1:{proxy.port}"
        with pytest.raises(TroubleError, match="does not answer: TLS: CERTIFICATE_VERIFY_FAILED"):
            check_reach(url, "it")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority().file))
        assert check_reach(url, "it") == f"{url} leads to this service"
