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
        for view, whole in VIEWS.items():
            tab.go(view.replace("{id}", sent[0]["id"]))
            expect(tab.page.locator(whole).first).to_be_visible()
            assert tab.problems_for_people(*rules) == [], view
            assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
