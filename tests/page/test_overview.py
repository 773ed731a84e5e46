"""How all of it stands, understood from the page alone."""

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.integration.system import System
from tests.page.conftest import SETTINGS
from tests.page.tab import Tab
from tests.servers.smtp import SmtpServer


def test_it_shows_states_workers_queue_and_what_was_sent(keyed: Tab) -> None:
    keyed.send("counted@example.com")
    expect(keyed.page.locator("#send-lines .badge")).to_have_text("sent")
    keyed.go("#overview")
    expect(keyed.page.locator("#overview-states li")).to_have_count(8)
    expect(keyed.page.locator("#overview-workers tr")).to_have_count(1)
    expect(keyed.page.locator("#overview-queue")).to_contain_text("The broker's queue holds")
    charts = keyed.page.get_by_role("img")
    expect(charts).to_have_count(2)
    expect(charts.first).to_have_attribute("aria-label", re.compile(r"Last hour, by the minute: \d+ mails? sent"))
    keyed.page.locator("#overview-states a", has_text="sent").click()
    expect(keyed.page.get_by_label("State")).to_have_value("sent")


def test_a_relay_that_is_away_is_understood_and_its_return_seen(browser: Browser, tmp_path: Path) -> None:
    relay = SmtpServer()
    with relay:
        pass  # it has a port now, and nobody is there
    with System(tmp_path, {**SETTINGS, "SMTP_URL": relay.url}) as system, Tab(browser, system.address) as tab:
        tab.open(f"#key={system.key()}")
        line = tab.send("held@example.com")
        expect(line).to_contain_text("the relay is held since")
        tab.go("#overview")
        hold = tab.page.locator("#overview-hold")
        expect(hold).to_contain_text("The relay is held")
        expect(hold).to_contain_text("it is tried again")
        expect(tab.page.locator("#overview-oldest")).to_contain_text("Oldest waiting")
        with relay:
            expect(hold).to_be_hidden()
            relay.wait_for(1)
            expect(tab.page.locator("#overview-oldest")).to_contain_text("Nothing waits")


def test_a_restart_is_told_while_it_lasts_and_forgets_nothing(browser: Browser, tmp_path: Path) -> None:
    with System(tmp_path, SETTINGS) as system, Tab(browser, system.address) as tab:
        tab.open(f"#key={system.key()}")
        tab.send("before@example.com")
        expect(tab.page.locator("#send-lines .badge")).to_have_text("sent")
        tab.go("#overview")
        sent = tab.page.locator("#overview-states a", has_text="sent").locator("strong")
        expect(sent).to_have_text("1")
        system.web.stop()
        expect(tab.page.locator("#trouble")).to_contain_text("does not answer")
        system.web.start()
        expect(tab.page.locator("#trouble")).to_be_hidden()
        expect(sent).to_have_text("1")
        tab.troubles.clear()  # each request that found nobody
