"""Mails that are looked for through pages on which there are none."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.fixtures.waiting import until
from tests.page.tab import Tab

NEXT = "/v1/emails?to=@walk.example&limit=50&before=0190a000-0000-7000-8000-000000000001"
MAIL = {
    "id": "0190a000-0000-7000-8000-000000000000",
    "state": "sent",
    "final": True,
    "to": "w@walk.example",
    "subject": "Found",
    "created_at": "2026-01-01T00:00:00.000Z",
    "last_attempt": None,
}


#: Longer than any pause between two times, in milliseconds.
LONG_MS = 60_000


def tagged(emails: list[object], following: str | None) -> Callable[[Route], None]:
    """A page of the list that never changes."""

    def answer(route: Route) -> None:
        headers = {"ETag": f'"{following}"'}
        if route.request.headers.get("if-none-match") == headers["ETag"]:
            route.fulfill(status=304, headers=headers)
        else:
            route.fulfill(json={"emails": emails, "next": following}, headers=headers)

    return answer


def walks(tab: Tab) -> int:
    """How often the second page was asked for by now."""
    tab.page.evaluate("0")
    return sum("before=" in request.url for request in tab.requests)


@pytest.mark.parametrize(("found", "said"), [([], "No mail matches"), ([MAIL], "")], ids=["nothing", "a mail"])
def test_it_is_told_until_they_are_found_and_not_again(keyed: Tab, found: list[object], said: str) -> None:
    held: list[Route] = []
    keyed.page.route("**/v1/emails?*", tagged([], NEXT))
    keyed.page.route("**/v1/emails?*before=*", lambda route: held.append(route))
    keyed.page.clock.install()
    keyed.go("#mails?to=@walk.example")
    words = keyed.page.locator("#mails-none")
    expect(words).to_have_text("Looking through older mails…")
    for _ in range(3):
        until(lambda: held or keyed.page.evaluate("0"))
        keyed.page.clock.run_for(100)
        tagged(found, None)(held.pop())
        expect(keyed.rows()).to_have_count(len(found))
        expect(words).to_contain_text(said)
        keyed.page.clock.run_for(LONG_MS)
    until(lambda: held or keyed.page.evaluate("0"))
    expect(words).to_contain_text(said)
    expect(words).not_to_contain_text("Looking")


def test_they_are_looked_for_again_after_ten_times_as_long_as_that_took(keyed: Tab) -> None:
    held: list[Route] = []
    keyed.page.route("**/v1/emails?*", tagged([], NEXT))
    keyed.page.route("**/v1/emails?*before=*", lambda route: held.append(route))
    keyed.page.clock.install()
    keyed.go("#mails?to=@walk.example")
    until(lambda: held or keyed.page.evaluate("0"))
    keyed.page.clock.run_for(3_000)
    tagged([], None)(held[0])
    expect(keyed.page.locator("#mails-none")).to_contain_text("No mail matches")
    for _ in range(5):
        keyed.page.clock.run_for(5_000)
    assert walks(keyed) == 1
    keyed.page.clock.run_for(LONG_MS)
    until(lambda: walks(keyed) == 2)
