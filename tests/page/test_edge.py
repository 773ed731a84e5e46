"""Through Nginx the page is the same."""

import pytest
from playwright.sync_api import Browser, expect

from stack.nginx import Nginx
from tests.integration.system import Answer, System, ask
from tests.page.tab import Tab
from tests.servers.fixtures import nginx

__all__ = ["nginx"]


@pytest.fixture
def web_address(newcomer: System) -> str:
    """Where `nginx` expects the web process."""
    return newcomer.address


def test_through_nginx_the_page_and_its_files_have_the_header_fields_of_the_service(
    nginx: Nginx, newcomer: System
) -> None:
    edge, browser = nginx.url.removeprefix("http://"), {"Accept": "text/html"}
    document = ask(newcomer.address, "GET", "/", headers=browser)
    file = document.body.decode().partition('src="')[2].partition('"')[0]
    for target, fields in (("/", browser), (file, {}), ("/", {**browser, "If-None-Match": document.headers["ETag"]})):
        for method in ("GET", "HEAD"):
            direct = ask(newcomer.address, method, target, headers=fields)
            through = ask(edge, method, target, headers=fields)
            assert (through.status, through.body) == (direct.status, direct.body)
            assert _of_the_service(through) == _of_the_service(direct)


def _of_the_service(answer: Answer) -> list[tuple[str, str]]:
    """The header fields but for those that every request, or every server, has its own of."""
    own = {"x-request-id", "date", "server", "via", "connection", "keep-alive"}
    fields = [(name.lower(), value) for name, value in answer.headers.items()]
    return sorted((name, value) for name, value in fields if name not in own)


def test_nginx_lets_the_page_through_with_its_policy_and_what_is_kept(
    browser: Browser, nginx: Nginx, newcomer_key: str
) -> None:
    with Tab(browser, nginx.url.removeprefix("http://")) as tab:
        answer = tab.open(f"#key={newcomer_key}")
        assert answer
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        line = tab.send("me@example.com", "Through", "Nginx")
        expect(line.locator(".badge")).to_have_text("sent")
        tab.page.get_by_role("link", name="Mailbox").click()
        expect(tab.page.get_by_role("link", name="Through")).to_be_visible()
        for request in tab.requests:
            if "/page/" in request.url:
                response = request.response()
                assert response
                assert "immutable" in response.headers["cache-control"]
