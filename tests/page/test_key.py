"""The key: asked for once, kept in the tab, told to nobody but the service."""

import re

import pytest
from playwright.sync_api import expect

from tests.page.tab import Tab


@pytest.mark.parametrize("view", ["#mails", "#overview", "#mailbox", "#mails/0190a000-0000-7000-8000-000000000000"])
def test_a_view_that_needs_a_key_asks_for_it_and_then_opens(tab: Tab, key: str, view: str) -> None:
    tab.go(view)
    expect(tab.page.get_by_role("heading", name="A key, please")).to_be_visible()
    expect(tab.page.locator("#key-why")).to_contain_text(re.compile(r"needs? a key"))
    tab.page.get_by_label("Key", exact=True).fill(key)
    tab.page.get_by_role("button", name="Use this key").click()
    expect(tab.page.get_by_role("heading", name="A key, please")).to_be_hidden()
    assert tab.page.evaluate("location.hash") == view


def test_a_wrong_key_is_told_and_not_kept(tab: Tab) -> None:
    tab.go("#mails")
    tab.page.get_by_label("Key", exact=True).fill("msg_wrong")
    tab.page.get_by_role("button", name="Use this key").click()
    expect(tab.page.locator("#key-error")).to_have_text("This key is not known here.")
    assert tab.page.evaluate("sessionStorage.length") == 0


def test_a_link_carries_it_past_servers_and_out_of_the_address(blank: Tab, key: str) -> None:
    blank.open(f"#key={key}")
    expect(blank.page.get_by_role("button", name="Forget the key")).to_be_visible()
    assert blank.page.url == f"http://{blank.address}/#send"
    blank.page.reload()
    expect(blank.page.get_by_role("button", name="Forget the key")).to_be_visible()
    blank.go("#mails")
    expect(blank.page.get_by_role("heading", name="Mails")).to_be_visible()
    assert not any(key in request.url.partition("#")[0] for request in blank.requests)
    assert blank.page.evaluate("localStorage.length + document.cookie.length") == 0


def test_a_forgotten_key_opens_nothing_any_more(keyed: Tab) -> None:
    keyed.go("#overview")
    expect(keyed.page.get_by_role("heading", name="Overview")).to_be_visible()
    keyed.page.get_by_role("button", name="Forget the key").click()
    expect(keyed.page.get_by_role("heading", name="A key, please")).to_be_visible()
    keyed.page.reload()
    expect(keyed.page.get_by_role("heading", name="A key, please")).to_be_visible()


def test_a_key_that_was_never_one_is_asked_for_anew(blank: Tab) -> None:
    blank.open("#key=msg_unknown")
    blank.go("#mails")
    expect(blank.page.get_by_role("heading", name="A key, please")).to_be_visible()
    expect(blank.page.locator("#key-error")).to_contain_text("not known here")


@pytest.mark.parametrize("key", ["schl%C3%BCssel", "a%20b", ""])
def test_what_can_be_no_key_is_told(blank: Tab, key: str) -> None:
    blank.open(f"#key={key}")
    expect(blank.page.get_by_role("heading", name="A key, please")).to_be_visible()
    expect(blank.page.locator("#key-error")).to_contain_text("no key")
    assert "key=" not in blank.page.url


@pytest.mark.parametrize("view", ["mails/%", "mailbox/%E0%A4%A", "nothing", "key=%zz"])
def test_an_address_that_is_broken_still_shows_a_view(keyed: Tab, view: str) -> None:
    keyed.page.goto("about:blank")
    keyed.open(f"#{view}")
    expect(keyed.page.locator("h1:visible")).to_have_count(1)


def test_a_browser_that_keeps_nothing_asks_for_the_key_each_time(blank: Tab, key: str) -> None:
    refuse = (
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
    )
    blank.page.add_init_script(refuse)
    blank.open(f"#key={key}")
    expect(blank.page.get_by_role("button", name="Forget the key")).to_be_visible()
    blank.go("#overview")
    expect(blank.page.locator("#overview-charts svg").first).to_be_visible()
    blank.page.reload()
    expect(blank.page.get_by_role("heading", name="A key, please")).to_be_visible()


def test_the_skip_link_leaves_the_address_alone(keyed: Tab) -> None:
    keyed.go("#overview")
    keyed.page.get_by_role("link", name="Skip to the content").press("Enter")
    expect(keyed.page.locator("#main")).to_be_focused()
    assert keyed.page.evaluate("location.hash") == "#overview"
