"""Takes the pictures of docs/images, when it is told to."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.fixtures.storage import connected
from tests.integration.system import System
from tests.page.conftest import SETTINGS
from tests.page.tab import PHONE, Tab, post
from tests.servers.script import Action, Conversation, Stage
from tests.servers.smtp import SmtpServer

#: Whom a mail goes to, and what it is about; newest last.
MAILS = [
    ("ops@example.com", "Backup done"),
    ("anna@example.com", "Your order 1041 is on its way"),
    ("nobody@example.com", "Your order 1042 is on its way"),
    ("ben@example.org", "Door 3 was opened"),
    ("busy@example.org", "Disk 82 % full"),
    ("clara@example.com", "Certificate renewed"),
    ("ops@example.com", "Nightly report"),
]


def relay_script(stage: Stage, argument: str, _conversation: Conversation) -> Action | None:
    if stage != "RCPT":
        return None
    if "nobody@" in argument:
        return "550 5.1.1 No such user here"
    return "451 4.7.1 Greylisted, please come back later" if "busy@" in argument else None


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    folder: Path | None = request.config.getoption("--pictures")
    if folder is None:
        pytest.skip("--pictures=FOLDER takes them")
    return folder.resolve()


def add_past(system: System) -> None:
    """Numbers for the charts and the tiles, of a week that was not."""
    now_ms = int(time.time() * 1000) // 60_000 * 60_000
    minutes = [(now_ms - i * 60_000, (i * 7) % 5, int(i % 97 == 0)) for i in range(1, 7 * 24 * 60)]
    with connected(system.folder / "var" / "messaging.db") as database:
        for at, sent, failed in minutes:
            day = sent * (1 + (at // 3_600_000) % 24 // 6)
            for state, mails in (("sent", day), ("failed", failed)):
                database.execute(
                    "INSERT INTO tallies VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET mails = mails + excluded.mails",
                    (at, state, mails),
                )
                database.execute("UPDATE totals SET now = now + ? WHERE name = ?", (mails, state))


@pytest.fixture
def scene(folder: Path, tmp_path: Path, shared_relay: SmtpServer) -> Iterator[tuple[System, str]]:
    """A service that has been there for a while, and a key of it."""
    shared_relay.follow(relay_script)
    with System(tmp_path, {**SETTINGS, "RETRY_SCHEDULE": "5m", "SMTP_URL": shared_relay.url}) as system:
        key = system.key()
        for to, subject in MAILS:
            post(system.address, key, "/v1/emails?wait=1s", {"to": to, "subject": subject, "text": "Words."})
        add_past(system)
        yield system, key
    shared_relay.follow({})


@pytest.mark.parametrize(
    ("name", "size", "scheme", "view"),
    [
        ("mails", (1100, 728), "light", "#mails"),
        ("overview", (1100, 800), "dark", "#overview"),
        ("phone", PHONE, "light", "#send"),
    ],
)
def test_a_picture(
    browser: Browser,
    scene: tuple[System, str],
    folder: Path,
    name: str,
    size: tuple[int, int],
    scheme: Literal["light", "dark"],
    view: str,
) -> None:
    system, key = scene
    with Tab(browser, system.address, size, scheme) as tab:
        tab.open(f"#key={key}" if view != "#send" else "")
        if view == "#send":
            expect(tab.send("me@example.com").locator(".badge")).to_have_text("sent")
        tab.go(view)
        if view == "#mails":
            expect(tab.rows()).to_have_count(len(MAILS))
        if view == "#overview":
            expect(tab.page.locator("#overview-workers tr")).to_have_count(1)
        folder.mkdir(parents=True, exist_ok=True)
        tab.page.screenshot(path=folder / f"{name}.png")
