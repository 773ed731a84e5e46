"""Through Nginx the page is the same."""

import pytest
from playwright.sync_api import Browser, expect

from stack.nginx import Nginx
from tests.integration.system import System
from tests.page.tab import Tab
from tests.servers.fixtures import nginx

__all__ = ["nginx"]


@pytest.fixture
def web_address(newcomer: System) -> str:
    """Where `nginx` expects the web process."""
    return newcomer.address


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
