"""A browser's tab that remembers what nobody should see: errors in its console, and requests to other hosts."""

import json
from types import TracebackType
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Request, Response

from tests.fixtures.waiting import PATIENCE_S
from tests.integration.system import ask

#: What the browser itself says of each answer that is a refusal.
_REFUSED: Final = "Failed to load resource: the server responded with a status of 4"

#: A wide screen and a phone's, in points.
WIDE: Final = (1280, 900)
PHONE: Final = (390, 844)


class Tab:
    """One tab with a session of its own, in a `with` statement; at its end nothing must have gone wrong in it.

    Args:
        browser: has it.
        address: the service's.
        size: of what is seen, in points.
        scheme: which colours are asked for.
    """

    def __init__(
        self,
        browser: Browser,
        address: str,
        size: tuple[int, int] = WIDE,
        scheme: Literal["light", "dark"] = "light",
    ) -> None:
        self.address = address
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, locale="en-GB", timezone_id="UTC"
        )
        self.page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", self._on_request)
        #: What went wrong, in the browser's words.
        self.troubles: list[str] = []
        self.requests: list[Request] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._context.close()
        if kind is None:
            assert self.troubles == []

    def open(self, fragment: str = "") -> Response | None:
        """Load the page, at that fragment."""
        return self.page.goto(f"http://{self.address}/{fragment}")

    def go(self, fragment: str) -> None:
        """Go to another view."""
        self.page.evaluate("fragment => { location.hash = fragment; }", fragment)

    def send(self, to: str, subject: str = "", text: str = "") -> Locator:
        """Send a mail by the form; returns the mail's line."""
        self.page.get_by_label("To", exact=True).fill(to)
        if subject:
            self.page.get_by_label("Subject").fill(subject)
            self.page.get_by_label("Text").fill(text)
        self.page.get_by_role("button", name="Send", exact=True).click()
        return self.page.locator("#send-lines li", has_text=to).first

    def rows(self) -> Locator:
        """Those of the list of mails."""
        return self.page.locator("#mails-rows tr")

    def find(self, to: str) -> None:
        """Search the list for an address."""
        self.page.get_by_label("Address, @domain or id").fill(to)
        self.page.get_by_role("button", name="Search").click()

    def problems_for_people(self, *rules: str) -> list[str]:
        """What axe finds that keeps people from using the view as it is, serious or worse: by some rules, or by all."""
        options = {"runOnly": list(rules)} if rules else None
        found = Axe().run(self.page, options=options).response["violations"]
        return [json.dumps(each, indent=1) for each in found if each["impact"] in ("serious", "critical")]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED):
            self.troubles.append(message.text)

    def _on_request(self, request: Request) -> None:
        self.requests.append(request)
        if urlsplit(request.url).netloc not in (self.address, ""):
            self.troubles.append(f"a request to {request.url}")


def post(address: str, key: str, path: str, document: object) -> dict[str, Any]:
    """Ask the API for something, beside the page."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return ask(address, "POST", path, body=json.dumps(document).encode(), headers=headers).document
