"""A key that is forgotten, or replaced by another: what it let one see is gone."""

import pytest
from playwright.sync_api import Page, expect

from tests.integration.system import System
from tests.page.tab import Tab, post

WHO, WHAT = "secret@forgotten.example", "A secret subject"


def enter_key(page: Page, key: str) -> None:
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Use this key").click()


@pytest.mark.parametrize("view", ["#mails", "#mails/{id}", "#overview", "#send"])
def test_nothing_that_a_key_let_one_see_is_left_in_the_page(keyed: Tab, system: System, key: str, view: str) -> None:
    mail = post(system.address, key, "/v1/emails?wait=10s", {"to": WHO, "subject": WHAT, "text": "B"})
    if view == "#send":
        expect(keyed.send(WHO, WHAT, "B").locator(".badge")).to_have_text("sent")
    else:
        keyed.go(view.format(id=mail["id"]))
        seen = keyed.page.locator("#overview-charts") if view == "#overview" else keyed.page.get_by_text(WHO).first
        expect(seen).to_be_visible()
    keyed.page.get_by_role("button", name="Forget the key").click()
    expect(keyed.page.get_by_role("button", name="Enter a key")).to_be_visible()
    content = keyed.page.content()
    assert WHO not in content
    assert WHAT not in content
    assert "<svg viewBox" not in content
    expect(keyed.page.locator("#overview-numbers tbody tr")).to_have_count(0)


def test_the_next_key_is_told_nothing_of_what_the_one_before_was_answered(keyed: Tab, key: str) -> None:
    keyed.go("#mails")
    with keyed.page.expect_response(lambda answer: "limit=50" in answer.url and answer.status == 200):
        pass
    keyed.page.get_by_role("button", name="Forget the key").click()
    with keyed.page.expect_request(lambda request: "limit=50" in request.url) as first:
        enter_key(keyed.page, key)
    assert "if-none-match" not in first.value.headers


def test_a_key_for_some_mails_sees_those_and_no_empty_frame_of_the_rest(keyed: Tab, system: System) -> None:
    with system.keys() as keys:
        narrow = keys.add("narrow", recipients=["@narrow.example"])
    keyed.send(WHO)
    keyed.go("#mails")
    expect(keyed.rows().first).to_be_visible()
    keyed.page.get_by_role("button", name="Forget the key").click()
    enter_key(keyed.page, narrow)
    expect(keyed.page.locator("#mails-none")).to_be_visible()
    expect(keyed.rows()).to_have_count(0)
    keyed.go("#overview")
    expect(keyed.page.locator("#trouble")).to_contain_text("this key sees some of them")
    expect(keyed.page.get_by_role("heading", name="Workers")).to_be_hidden()


def test_of_a_mail_that_a_key_must_not_see_nothing_is_shown_that_it_does_not_say(
    blank: Tab, system: System, key: str
) -> None:
    mail = post(system.address, key, "/v1/emails?wait=10s", {"to": WHO, "subject": WHAT, "text": "B"})
    with system.keys() as keys:
        blank.open(f"#key={keys.add('elsewhere', recipients=['@elsewhere.example'])}")
    blank.go(f"#mails/{mail['id']}")
    expect(blank.page.locator("#mail-facts dt")).to_have_text(["To", "Id"])
    expect(blank.page.locator("#mail-partly")).to_be_visible()
    expect(blank.page.locator("#mail-source")).to_be_hidden()
    expect(blank.page.locator("#mail-deeds button")).to_have_count(0)
    blank.open(f"#key={key}")
    blank.go(f"#mails/{mail['id']}")
    expect(blank.page.locator("#mail-facts dt")).to_have_text(["Subject", "From", "To", "Id"])
    expect(blank.page.locator("#mail-partly")).to_be_hidden()
    expect(blank.page.locator("#mail-source")).to_be_visible()


def test_a_key_that_is_revoked_is_asked_for_anew(blank: Tab, system: System) -> None:
    with system.keys() as keys:
        blank.open(f"#key={keys.add('short')}")
        blank.go("#mails?to=nobody@revoked.example")
        expect(blank.page.locator("#mails-none")).to_be_visible()
        keys.revoke("short")
    expect(blank.page.get_by_role("heading", name="A key, please")).to_be_visible()
    expect(blank.page.locator("#key-error")).to_contain_text("not known here")
    assert blank.page.evaluate("sessionStorage.length") == 0
