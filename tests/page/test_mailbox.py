"""What a newcomer has: mails that are put down in a Maildir, read in the page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.page.tab import Tab, post

_HTML = """
<html><head><style>@import url(http://elsewhere.example/a.css); h1 { color: rgb(200, 0, 0) }</style>
<meta http-equiv="refresh" content="0; url=/?talktome"><base href="http://elsewhere.example/"></head>
<body onload="alert(1)" background="http://elsewhere.example/b.png"><script>alert(2)</script>
<h1 style="font-size: 30px; background: url(http://elsewhere.example/c.png)">Your order</h1>
<img src="http://elsewhere.example/d.png" srcset="http://elsewhere.example/e.png 2x" onerror="alert(3)">
<img src="/?talktome"><a href="/?talktome">a link</a>
<form action="/?talktome"><button>a button</button></form>
<iframe src="/?talktome"></iframe><svg onload=alert(4)><script>alert(5)</script></svg></body></html>
"""


@pytest.fixture
def blank(browser: Browser, newcomer: System) -> Iterator[Tab]:
    with Tab(browser, newcomer.address) as tab:
        yield tab


@pytest.fixture
def key(newcomer_key: str) -> str:
    return newcomer_key


def test_a_mail_that_was_sent_from_the_page_is_read_in_it(keyed: Tab) -> None:
    keyed.send("me@example.com", "Good morning", "Here I am.")
    keyed.page.get_by_role("link", name="Mailbox").click()
    keyed.page.get_by_role("link", name="Good morning").click()
    expect(keyed.page.get_by_role("heading", name="Good morning")).to_be_visible()
    expect(keyed.page.locator("#letter-body pre")).to_contain_text("Here I am.")
    expect(keyed.page.locator("#letter-facts")).to_contain_text("me@example.com")
    keyed.go("#mails")
    keyed.page.get_by_role("link", name="me@example.com").first.click()
    keyed.page.get_by_role("link", name="Read it in the mailbox").click()
    expect(keyed.page.get_by_role("heading", name="Good morning")).to_be_visible()


def test_html_keeps_its_looks_and_can_do_nothing(keyed: Tab, newcomer: System, key: str) -> None:
    mail = {"to": "me@example.com", "subject": "An order", "text": "Your order", "html": _HTML}
    post(newcomer.address, key, "/v1/emails?wait=10s", mail)
    keyed.go("#mailbox")
    keyed.page.get_by_role("link", name="An order").click()
    heading = keyed.page.frame_locator("iframe").get_by_role("heading", name="Your order")
    expect(heading).to_have_css("color", "rgb(200, 0, 0)")
    expect(heading).to_have_css("font-size", "30px")
    assert keyed.page.locator("iframe").get_attribute("sandbox") == "allow-same-origin"
    assert keyed.troubles == []
    keyed.page.frame_locator("iframe").get_by_role("button", name="a button").click()
    keyed.page.frame_locator("iframe").get_by_role("link", name="a link").click()
    # The frame has the browser's own refusal then, which nobody else may look into.
    until(lambda: keyed.page.evaluate("document.querySelector('iframe').contentDocument === null"))
    keyed.troubles.clear()
    assert (newcomer.folder / "talktome.log").read_text() == ""


def test_where_mails_go_to_a_relay_there_is_no_mailbox(browser: Browser, system: System, system_key: str) -> None:
    with Tab(browser, system.address) as tab:
        tab.open(f"#key={system_key}")
        expect(tab.page.get_by_role("button", name="Forget the key")).to_be_visible()
        expect(tab.page.get_by_role("link", name="Mailbox")).to_be_hidden()
