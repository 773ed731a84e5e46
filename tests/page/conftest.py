"""One browser, one service and one scripted relay for all tests of the page; a tab of its own for each."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.integration.system import System
from tests.page.tab import Tab
from tests.servers.availability import require
from tests.servers.smtp import SmtpServer

#: A mail that has to wait does so for longer than any test; a relay that was away is tried again at once.
SETTINGS = {
    "RETRY_SCHEDULE": "1h",
    "HOLD_PROBE": "300ms",
    "REPEAT_WINDOW": "0s",
    "OPEN_PER_RECIPIENT": "off",
    "OPEN_PER_CLIENT": "off",
    "OPEN_TOTAL": "off",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", type=Path, help="the folder that gets pictures of the page, for the README")


# For this folder and not for the whole run: Playwright keeps the thread's event loop to itself while it is there.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    require("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium-headless-shell"))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def shared_relay() -> Iterator[SmtpServer]:
    with SmtpServer() as relay:
        yield relay


@pytest.fixture(scope="package")
def system(tmp_path_factory: pytest.TempPathFactory, shared_relay: SmtpServer) -> Iterator[System]:
    """What `make run` starts, with a relay; earlier tests have left mails in it."""
    environ = {**SETTINGS, "SMTP_URL": shared_relay.url}
    with System(tmp_path_factory.mktemp("system"), environ) as system:
        yield system


@pytest.fixture
def relay(shared_relay: SmtpServer) -> Iterator[SmtpServer]:
    """Takes every mail until it is told otherwise, and again for the next test."""
    yield shared_relay
    shared_relay.follow({})


@pytest.fixture(scope="package")
def system_key(system: System) -> str:
    return system.key()


@pytest.fixture
def key(system_key: str) -> str:
    """Of the service that `tab` is at."""
    return system_key


@pytest.fixture(scope="package")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """What `make run` starts where nothing is set: mails go to a Maildir."""
    with System(tmp_path_factory.mktemp("newcomer"), SETTINGS) as system:
        yield system


@pytest.fixture(scope="package")
def newcomer_key(newcomer: System) -> str:
    return newcomer.key()


@pytest.fixture
def blank(browser: Browser, system: System) -> Iterator[Tab]:
    """A tab in which nothing is open yet."""
    with Tab(browser, system.address) as tab:
        yield tab


@pytest.fixture
def tab(blank: Tab) -> Tab:
    """A tab without a key, at the page."""
    blank.open()
    return blank


@pytest.fixture
def keyed(blank: Tab, key: str) -> Tab:
    """A tab with a key, at the page."""
    blank.open(f"#key={key}")
    return blank
