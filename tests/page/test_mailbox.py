"""What a newcomer has: mails that are put down in a Maildir, read in the page."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.page.tab import Tab, post

_HTML = """
<html><head><style>@import url(http://elsewhere.example/a.css); h1 { color: rgb(200, 0, 0) }</style>
<meta http-equiv="refresh" content="0; url=/?talktome"><base href="http://elsewhere.example/"></head>
<body bgcolor="#00ff00" style="color: rgb(0, 0, 200)" onload="alert(1)" background="http://elsewhere.example/b.png"><script>alert(2)</script>
<h1 style="font-size: 30px; background: url(http://elsewhere.example/c.png)">Your order</h1>
<img src="http://elsewhere.example/d.png" srcset="http://elsewhere.example/e.png 2x" onerror="alert(3)">
<img src="/?talktome"><a href="/?talktome">a link</a>
<form action="/?talktome"><button>a button</button></form>
<iframe src="/?talktome"></iframe><p/style="font-size: 40px">big</p>
<svg onload=alert(4)>
<a xlink:href="/?talktome"><text y="20">drawn</text></a><script>alert(5)</script></svg></body></html>
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
    inside = keyed.page.frame_locator("iframe")
    expect(inside.get_by_text("big")).to_have_css("font-size", "40px")
    expect(inside.locator("body")).to_have_css("background-color", "rgb(0, 255, 0)")
    expect(inside.locator("body")).to_have_css("color", "rgb(0, 0, 200)")
    expect(inside.locator("[*|href]")).to_have_count(0)
    assert keyed.page.locator("iframe").get_attribute("sandbox") == "allow-same-origin"
    assert keyed.troubles == []
    keyed.page.frame_locator("iframe").get_by_role("button", name="a button").click()
    keyed.troubles.clear()  # the browser has said that it did not send the form
    link = keyed.page.frame_locator("iframe").get_by_text("a link")
    expect(link).not_to_have_attribute("href", re.compile(""))
    link.click()
    expect(keyed.page.frame_locator("iframe").get_by_text("a link [/?talktome]")).to_be_visible()
    expect(heading).to_be_visible()
    assert (newcomer.folder / "talktome.log").read_text() == ""


LETTER = {
    "id": "1700000000.M1P1Q1.here",
    "put_down_at": "2026-01-01T00:00:00.000Z",
    "bytes": 1,
    "from": "",
    "to": "me@example.com",
    "subject": "A letter",
    "reply_to": "",
    "text": "Its text",
    "html": "",
    "attachments": [],
}

#: Characters of a mail that is nothing but beginnings, and longest time until it is shown, in seconds.
LENGTH, SHOWN_S = 600_000, 5.0


@pytest.mark.parametrize("part", ["<a", "<base ", "<style>", "<style ", "url(", "@import", "<a style", "<p style='"])
def test_html_that_never_ends_what_it_begins_is_shown_at_once(keyed: Tab, part: str) -> None:
    html = f"<p>Before</p><style>{part * (LENGTH // len(part))}</style>{part * (LENGTH // len(part))}"
    keyed.page.route("**/v1/mailbox/*", lambda route: route.fulfill(json={**LETTER, "html": html}))
    began = time.monotonic()
    keyed.go(f"#mailbox/{LETTER['id']}")
    expect(keyed.page.frame_locator("iframe").get_by_text("Before")).to_be_visible()
    assert time.monotonic() - began < SHOWN_S


def test_older_letters_are_a_click_further(keyed: Tab, newcomer: System) -> None:
    folder = newcomer.folder / "var" / "mailbox" / "new"
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(60):
        (folder / f"{1_600_000_000 + i}.M1P1Q1.here").write_bytes(b"Subject: Old %d\n\nText\n" % i)
    keyed.go("#mailbox")
    expect(keyed.page.locator("#mailbox-list li")).to_have_count(50)
    expect(keyed.page.get_by_role("link", name="Old 0", exact=True)).to_have_count(0)
    keyed.page.get_by_role("button", name="Older").click()
    expect(keyed.page.get_by_role("link", name="Old 0", exact=True)).to_be_visible()
    expect(keyed.page.get_by_role("button", name="Older")).to_be_hidden()


def test_letters_go_on_where_the_service_says(keyed: Tab) -> None:
    def answer(route: Route) -> None:
        last = "before=" in route.request.url
        letter = {**LETTER, "subject": "Last" if last else "First"}
        following = None if last else "/v1/mailbox?limit=50&before=1700000000.M1"
        route.fulfill(json={"open": True, "letters": [letter], "more": not last, "next": following})

    keyed.page.route("**/v1/mailbox?*", answer)
    keyed.go("#mailbox")
    subjects, older = keyed.page.locator("#mailbox-list a"), keyed.page.get_by_role("button", name="Older")
    for _ in range(2):
        expect(subjects).to_have_text(["First"])
        older.click()
        expect(subjects).to_have_text(["Last"])
        expect(older).to_be_hidden()
        assert keyed.page.evaluate("location.hash") == "#mailbox?before=1700000000.M1"
        keyed.page.get_by_role("button", name="Newest").click()


def test_a_letter_keeps_the_focus_when_another_comes(keyed: Tab, newcomer: System, key: str) -> None:
    keyed.go("#mailbox")
    for subject in ("The first", "The second"):
        mail = {"to": "me@example.com", "subject": subject, "text": "Words"}
        post(newcomer.address, key, "/v1/emails?wait=10s", mail)
        expect(keyed.page.locator("#mailbox-list a").first).to_have_text(subject)
        if subject == "The first":
            keyed.page.get_by_role("link", name=subject).focus()
    expect(keyed.page.get_by_role("link", name="The first")).to_be_focused()


def test_where_mails_go_to_a_relay_there_is_no_mailbox(browser: Browser, system: System, system_key: str) -> None:
    with Tab(browser, system.address) as tab:
        tab.open(f"#key={system_key}")
        expect(tab.page.get_by_role("button", name="Forget the key")).to_be_visible()
        expect(tab.page.get_by_role("link", name="Mailbox")).to_be_hidden()


def test_the_answer_for_a_letter_that_was_left_does_not_land_in_the_next(
    keyed: Tab, newcomer: System, key: str
) -> None:
    for subject in ("Slow", "Fast"):
        mail = {"to": "me@example.com", "subject": subject, "text": f"Words of {subject}."}
        post(newcomer.address, key, "/v1/emails?wait=10s", mail)
    held: list[Route] = []
    keyed.page.route("**/v1/mailbox/*", lambda route: held.append(route), times=1)
    keyed.go("#mailbox")
    keyed.page.get_by_role("link", name="Slow").click()
    until(lambda: held or keyed.page.evaluate("0"))
    keyed.page.get_by_role("link", name="Mailbox", exact=True).first.click()
    keyed.page.get_by_role("link", name="Fast").click()
    expect(keyed.page.get_by_role("heading", name="Fast")).to_be_visible()
    held[0].continue_()
    keyed.page.evaluate("new Promise((resolve) => setTimeout(resolve, 300))")
    expect(keyed.page.get_by_role("heading", name="Fast")).to_be_visible()
    expect(keyed.page.locator("#letter-body pre")).to_have_text(["Words of Fast."])


def test_a_mailbox_is_looked_for_until_there_is_an_answer(keyed: Tab) -> None:
    keyed.page.route("**/v1/mailbox?limit=1", lambda route: route.abort(), times=1)
    keyed.page.clock.install()
    keyed.page.reload()
    expect(keyed.page.get_by_role("button", name="Forget the key")).to_be_visible()
    expect(keyed.page.get_by_role("link", name="Mailbox")).to_be_hidden()
    keyed.page.clock.run_for(4000)
    expect(keyed.page.get_by_role("link", name="Mailbox")).to_be_visible()
    keyed.troubles.clear()
