"""What is one mail however often it is asked for is so through Nginx, too, and a link's page comes through as it is."""

import re
from collections.abc import Iterator

import pytest

from messaging.draft import Draft
from messaging.links import Links
from messaging.outbox.database import Database
from messaging.outbox.secret import LinkSecret
from stack.nginx import Edge, Nginx
from tests.fixtures.storage import connected, url_of
from tests.integration.system import System, ask
from tests.servers.availability import require
from tests.servers.ports import free_address

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), {}) as system:
        yield system


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, system: System) -> Iterator[str]:
    """Nginx's address."""
    require("nginx")
    with Nginx(Edge(free_address(), system.address, 262144, tmp_path_factory.mktemp("nginx"))) as nginx:
        yield nginx.url.removeprefix("http://")


def mails_to(system: System, recipient: str) -> int:
    with connected(system.folder / "var" / "messaging.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM mails WHERE recipient = ?", (recipient,)).fetchone()
    assert isinstance(count, int)
    return count


def test_a_request_with_an_idempotency_key_that_comes_again_has_the_same_answer(system: System, edge: str) -> None:
    headers = {"X-API-Key": system.key(), "Idempotency-Key": "order-1", "Content-Type": "application/json"}
    body = b'{"to": "idempotent@example.com"}'
    first, again = (ask(edge, "POST", "/v1/emails", body=body, headers=headers) for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    assert (again.body, again.headers["Location"]) == (first.body, first.headers["Location"])
    assert (first.headers["Idempotency-Replayed"], again.headers["Idempotency-Replayed"]) == (None, "true")
    assert mails_to(system, "idempotent@example.com") == 1


def test_the_same_get_again_is_the_same_mail_and_of_another_client_another_one(system: System, edge: str) -> None:
    target = "/?sendmail=again@example.com"
    first, again, other = (ask(edge, "GET", target, client=f"127.0.0.{number}") for number in (3, 3, 4))
    assert {first.status, again.status, other.status} == {202}
    assert first.headers["Location"] == again.headers["Location"] != other.headers["Location"]
    assert mails_to(system, "again@example.com") == 2


def test_a_browser_gets_a_link_s_page_whose_button_sends_its_one_mail(system: System, edge: str) -> None:
    database = Database(url_of(system.folder / "var" / "messaging.db"))
    link = f"link={Links(LinkSecret(database)).make(Draft('linked@example.com', 'subject', 'text'), 60)}"
    database.close()
    page = ask(edge, "GET", f"/?{link}", headers={"Accept": "text/html"})
    assert (page.status, mails_to(system, "linked@example.com")) == (200, 0)
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    [(name, value)] = re.findall(r'name="(\w+)" value="([^"]+)"', page.body.decode())
    assert f"{name}={value}" == link
    first, again = (ask(edge, "POST", "/", body=link.encode(), headers=FORM) for _ in range(2))
    assert (first.status, first.headers["Location"]) == (again.status, again.headers["Location"])
    assert mails_to(system, "linked@example.com") == 1
