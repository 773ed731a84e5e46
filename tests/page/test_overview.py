"""How all of it stands, understood from the page alone."""

import itertools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Route, expect

from tests.fixtures.waiting import until
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


def test_what_failed_is_a_bar_that_is_seen(keyed: Tab, relay: SmtpServer) -> None:
    relay.follow({"RCPT": "550 5.1.1 Unknown"})
    expect(keyed.send("charted@example.com").locator(".badge")).to_have_text("failed")
    keyed.go("#overview")
    heights = "bars => bars.map(bar => Number(bar.getAttribute('height')))"
    expect(keyed.page.locator("#overview-charts svg").first).to_be_visible()
    for kind in ("sent", "failed"):
        until(lambda: max(keyed.page.locator(f"figure:first-child svg .{kind}").evaluate_all(heights)) > 0)  # noqa: B023 - called at once


def test_what_the_charts_show_can_be_read_in_numbers_and_goes_on_while_it_is(keyed: Tab) -> None:
    document = {"minutes": [0, 3, 0, 5], "hours": [7, 0]}

    def some(route: Route) -> None:
        now = route.fetch().json()
        for name, sent in document.items():
            now[name].update(since="2026-01-01T10:00:00.000Z", sent=sent, failed=[1, *[0] * (len(sent) - 1)])
        route.fulfill(json=now, headers={"Content-Type": "application/json"})

    keyed.page.route("**/v1/overview", some)
    keyed.go("#overview")
    numbers = keyed.page.get_by_text("The charts in numbers")
    expect(numbers).to_be_visible()
    numbers.press("Enter")
    rows = keyed.page.get_by_role("table", name="Last hour, by the minute").locator("tbody tr")
    expect(rows).to_have_text(["1 Jan 10:0350", "1 Jan 10:0130", "1 Jan 10:0001"])
    expect(keyed.page.get_by_role("table", name="Last 7 days").locator("tbody tr")).to_have_text(["1 Jan 10:0071"])
    document["minutes"] = [0, 3, 0, 6]
    expect(rows.first).to_have_text("1 Jan 10:0360")
    expect(rows.first).to_be_visible()
    assert keyed.problems_for_people() == []


def test_a_tile_whose_number_changes_keeps_the_focus(keyed: Tab) -> None:
    sent = itertools.count(1001)

    def busy(route: Route) -> None:
        document = route.fetch().json()
        document["states"]["sent"] = next(sent)
        route.fulfill(json=document, headers={"Content-Type": "application/json"})

    keyed.page.route("**/v1/overview", busy)
    keyed.go("#overview")
    tile = keyed.page.locator("#overview-states a", has_text="sent")
    tile.focus()
    for number in ("1,002", "1,003"):
        expect(tile.locator("strong")).to_have_text(number)
    expect(tile).to_be_focused()


def test_a_worker_is_shown_with_when_it_was_seen_and_what_it_does(keyed: Tab) -> None:
    def busy(route: Route) -> None:
        document, now = route.fetch().json(), datetime.now(UTC)
        started, seen = (now - timedelta(hours=2)).isoformat(), (now - timedelta(seconds=12)).isoformat()
        document["workers"][0].update(in_flight=3, started_at=started, seen_at=seen)
        route.fulfill(json=document)

    keyed.page.route("**/v1/overview", busy)
    keyed.go("#overview")
    expect(keyed.page.locator("#overview-workers td").nth(1)).to_have_text(re.compile(r"1\d s ago"))
    expect(keyed.page.locator("#overview-workers td").nth(2)).to_have_text("3")


def test_a_worker_that_is_gone_is_shown_with_when_it_was_seen_last(keyed: Tab) -> None:
    def died(route: Route) -> None:
        document, seen = route.fetch().json(), (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
        (worker,) = document["workers"]
        document.update(workers=[], gone={"workers": [{**worker, "seen_at": seen}], "dispatchers": []})
        route.fulfill(json=document)

    keyed.page.route("**/v1/overview", died)
    keyed.go("#overview")
    expect(keyed.page.locator("#overview-nobody")).to_be_visible()
    expect(keyed.page.locator("#overview-workers th")).to_have_text(re.compile(r"\(gone\)$"))
    expect(keyed.page.locator("#overview-workers td").nth(1)).to_have_text("5 min ago")


def test_a_relay_that_is_away_is_understood_and_its_return_seen(browser: Browser, tmp_path: Path) -> None:
    relay = SmtpServer()
    with relay:
        pass  # it has a port now, and nobody is there
    with System(tmp_path, {**SETTINGS, "SMTP_URL": relay.url}) as system, Tab(browser, system.address) as tab:
        tab.open(f"#key={system.key()}")
        line = tab.send("held@example.com")
        expect(line).to_contain_text("the relay is held since")
        expect(line).not_to_contain_text(re.compile(r"\dZ"))  # times are those of a clock here
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
