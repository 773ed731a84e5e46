"""Everybody can use it: what axe finds in each view, light and dark, and that it fits a phone."""

from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.system import System
from tests.page.tab import PHONE, WIDE, Tab, post
from tests.servers.smtp import SmtpServer

#: Each view, with what is there when it is whole.
VIEWS = {
    "#send": "#send-form",
    "#mails": "#mails-rows tr",
    "#mails/{id}": "#mail-times li",
    "#overview": "#overview-charts svg",
    "#mailbox": "#mailbox-closed",
    "#key": "#key-form",
}


@pytest.mark.parametrize(
    ("size", "scheme", "rules"),
    [(WIDE, "light", []), (PHONE, "dark", ["color-contrast", "scrollable-region-focusable"])],
    ids=["wide and light", "a phone and dark"],
)
def test_axe_finds_nothing_serious_in_any_view(
    browser: Browser,
    system: System,
    key: str,
    relay: SmtpServer,
    size: tuple[int, int],
    scheme: Literal["light", "dark"],
    rules: list[str],
) -> None:
    relay.follow({"RCPT": ["550 5.1.1 Unknown", "451 4.7.1 Greylisted"]})
    sent = [post(system.address, key, "/v1/emails", {"to": f"axe{i}@example.com", "subject": "A"}) for i in range(3)]
    with Tab(browser, system.address, size, scheme) as tab:
        tab.open(f"#key={key}")
        ground = {"light": "rgb(245, 246, 249)", "dark": "rgb(18, 20, 26)"}[scheme]
        expect(tab.page.locator("html")).to_have_css("background-color", ground)
        for view, whole in VIEWS.items():
            tab.go(view.replace("{id}", sent[0]["id"]))
            expect(tab.page.locator(whole).first).to_be_visible()
            assert tab.problems_for_people(*rules) == [], view
            assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view


def test_axe_finds_nothing_serious_where_something_is_asked_or_wrong(keyed: Tab, system: System, key: str) -> None:
    mail = post(system.address, key, "/v1/emails?wait=10s", {"to": "asked@example.com", "subject": "A", "text": "B"})
    page = keyed.page
    keyed.send("no address")
    expect(page.locator("#send-error")).not_to_be_empty()
    assert keyed.problems_for_people() == [], "a refused form"
    keyed.go(f"#mails/{mail['id']}")
    page.get_by_text("Source", exact=True).click()
    expect(page.locator("#mail-text")).to_contain_text("To: asked@example.com")
    assert keyed.problems_for_people() == [], "a source"
    keyed.go("#mails?to=wrong")
    expect(page.locator("#mails-error")).not_to_be_empty()
    assert keyed.problems_for_people() == [], "a wrong search"
    keyed.go("#mails")
    page.get_by_role("button", name="Retry all that match…").click()
    expect(page.locator("#sure")).to_be_visible()
    assert keyed.problems_for_people() == [], "a dialog"
    page.get_by_role("button", name="Leave them alone").click()
    page.route("**/v1/**", lambda route: route.abort())
    keyed.go("#overview")
    expect(page.locator("#trouble")).to_be_visible()
    assert keyed.problems_for_people() == [], "a service that is away"
    keyed.troubles.clear()


def test_axe_finds_nothing_serious_in_the_mailbox_and_a_letter(
    browser: Browser, newcomer: System, newcomer_key: str
) -> None:
    mail = {"to": "me@example.com", "subject": "A letter for axe", "text": "A", "html": "<h1>A</h1><p>letter</p>"}
    post(newcomer.address, newcomer_key, "/v1/emails?wait=10s", mail)
    with Tab(browser, newcomer.address) as tab:
        tab.open(f"#key={newcomer_key}")
        tab.go("#mailbox")
        expect(tab.page.locator("#mailbox-list li").first).to_be_visible()
        assert tab.problems_for_people() == [], "the mailbox"
        tab.page.get_by_role("link", name="A letter for axe").click()
        expect(tab.page.frame_locator("iframe").get_by_role("heading")).to_be_visible()
        assert tab.problems_for_people() == [], "a letter"
