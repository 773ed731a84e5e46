"""A mail, and a relay for it."""

from collections.abc import Iterator

import pytest

from messaging.outbox.outbox import Outbox
from tests.fixtures.storage import accept
from tests.servers.certificates import authority
from tests.servers.smtp import SmtpServer
from workers.composing import Composed, compose


@pytest.fixture
def mail(outbox: Outbox) -> Composed:
    return compose(accept(outbox, "me+tag@example.com"))


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """This system trusts the certificates of the tests' servers."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority().file))


@pytest.fixture(params=[True, False], ids=["pipelining", "one by one"])
def plain(request: pytest.FixtureRequest) -> Iterator[SmtpServer]:
    """A server without TLS or login, which offers PIPELINING or does not."""
    with SmtpServer(pipelining=request.param) as server:
        yield server
