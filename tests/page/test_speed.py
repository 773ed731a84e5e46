"""The page is fast where there are many mails."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.fixtures.storage import connected
from tests.integration.system import System
from tests.page.conftest import SETTINGS
from tests.page.tab import Tab

#: Mails in the outbox.
MAILS = 10_000

#: Longest times on a busy machine, in seconds: until something is painted, until the list is there, until a click is
#: answered.
PAINT_S, LIST_S, CLICK_S = 3.0, 5.0, 3.0

#: Ids in the order of time, and every tenth mail failed.
_FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO mails (id, state, attempts, created_at, finished_at, sender, recipient, subject, text)
SELECT printf('0190%04x-%04x-7000-8000-000000000000', i >> 16, i & 65535), iif(i % 10, 'sent', 'failed'),
       1, ? + i, ? + i, 'messaging@localhost', printf('m%d@example.com', i), 'A subject', 'A text' FROM n
"""


@pytest.mark.alone
def test_ten_thousand_mails_are_shown_searched_paged_and_opened_at_once(browser: Browser, tmp_path: Path) -> None:
    with System(tmp_path, SETTINGS) as system:
        with connected(tmp_path / "var" / "messaging.db") as database:
            now_ms = int(time.time() * 1000) - MAILS
            database.execute(_FILL, (MAILS, now_ms, now_ms))
        with Tab(browser, system.address) as tab:
            tab.open(f"#key={system.key()}")
            painted_ms = tab.page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
            assert painted_ms < PAINT_S * 1000
            began = time.monotonic()
            tab.go("#mails")
            expect(tab.rows()).to_have_count(50)
            assert time.monotonic() - began < LIST_S
            tab.page.reload()  # and as what is painted first
            expect(tab.rows()).to_have_count(50)
            assert tab.page.evaluate("performance.now()") < LIST_S * 1000
            for click, first in (("Older", f"m{MAILS - 50}@example.com"), ("Newest", f"m{MAILS}@example.com")):
                began = time.monotonic()
                tab.page.get_by_role("button", name=click).click()
                expect(tab.rows().locator("th").first).to_have_text(first)
                assert time.monotonic() - began < CLICK_S
            began = time.monotonic()
            tab.find("m7@example.com")  # the oldest but six
            expect(tab.rows()).to_have_count(1)
            assert time.monotonic() - began < CLICK_S
            began = time.monotonic()
            tab.page.get_by_role("link", name="m7@example.com").click()
            expect(tab.page.get_by_role("heading", name="Mail to m7@example.com")).to_be_focused()
            expect(tab.page.locator("#mail-times li").last).to_contain_text("sent")
            assert time.monotonic() - began < CLICK_S


@pytest.mark.alone
def test_ten_thousand_letters_are_no_wait_for_the_newest(browser: Browser, tmp_path: Path) -> None:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "var" / "mailbox" / name).mkdir(parents=True)
    first = tmp_path / "var" / "mailbox" / "tmp" / "letter"
    first.write_bytes(b"To: me@example.com\nSubject: A letter\n\nText\n")
    for i in range(MAILS):
        (tmp_path / "var" / "mailbox" / "new" / f"{1_700_000_000 + i}.M1P1Q1.here").hardlink_to(first)
    with System(tmp_path, SETTINGS) as system, Tab(browser, system.address) as tab:
        tab.open(f"#key={system.key()}")
        began = time.monotonic()
        tab.go("#mailbox")
        expect(tab.page.locator("#mailbox-list li")).to_have_count(50)
        assert time.monotonic() - began < CLICK_S
