"""Asking again and again: cheaply, and only for who looks."""

from playwright.sync_api import Route, expect

from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.page.tab import Tab, post
from tests.page.test_steering import send_to
from tests.servers.smtp import SmtpServer

#: Longer than any pause between two times, in milliseconds.
LONG_MS = 10_000

#: What a tab is told that somebody covers, and uncovers.
HIDE = "Object.defineProperty(document, 'hidden', {value: true, configurable: true})"
SHOW = "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"


def asked(tab: Tab, part: str) -> int:
    """How often something was asked for by now."""
    tab.page.evaluate("0")
    return sum(part in request.url for request in tab.requests)


def test_what_has_not_changed_is_not_sent_again(keyed: Tab) -> None:
    keyed.go("#mails?to=nobody@polled.example")
    with keyed.page.expect_response(lambda answer: "polled.example" in answer.url and answer.status == 304) as again:
        pass
    assert "if-none-match" in again.value.request.headers


def test_a_page_that_nobody_sees_asks_for_nothing(keyed: Tab) -> None:
    keyed.page.clock.install()
    keyed.go("#overview")
    expect(keyed.page.locator("#overview-charts svg").first).to_be_visible()
    keyed.page.evaluate(HIDE)
    keyed.page.clock.run_for(LONG_MS)
    before = asked(keyed, "/v1/overview")
    for _ in range(3):
        keyed.page.clock.run_for(LONG_MS)
    assert asked(keyed, "/v1/overview") == before
    with keyed.page.expect_request("**/v1/overview"):
        keyed.page.evaluate(SHOW)


def test_lines_of_mails_that_wait_ask_only_while_somebody_looks_at_them(keyed: Tab, relay: SmtpServer) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    keyed.page.clock.install()
    line = keyed.send("waits@lines.example")
    expect(line.locator(".badge")).to_have_text("retrying")
    for leave, come_back in (
        ("location.hash = '#overview'", "location.hash = '#send'"),
        (HIDE, SHOW),
    ):
        keyed.page.evaluate(leave)
        keyed.page.clock.run_for(LONG_MS)
        before = asked(keyed, "/v1/emails/")
        for _ in range(3):
            keyed.page.clock.run_for(LONG_MS)
        assert asked(keyed, "/v1/emails/") == before
        with keyed.page.expect_request("**/v1/emails/*"):
            keyed.page.evaluate(come_back)
            keyed.page.clock.run_for(LONG_MS)


def test_a_mail_that_was_sent_while_its_line_was_not_seen_is_shown_as_sent(
    keyed: Tab, system: System, key: str, relay: SmtpServer
) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    keyed.page.clock.install()
    line = keyed.send("later@lines.example")
    expect(line.locator(".badge")).to_have_text("retrying")
    keyed.go("#overview")
    relay.follow({})
    mail = keyed.page.locator("#send-lines a").first.get_attribute("href") or ""
    mail_id = mail.removeprefix("#mails/")
    post(system.address, key, f"/v1/emails/{mail_id}/retry", {})
    until(lambda: system.status(f"/v1/emails/{mail_id}", key)["state"] == "sent")
    keyed.go("#send")
    expect(line.locator(".badge")).to_have_text("sent")
    before = asked(keyed, mail_id)
    keyed.page.clock.run_for(LONG_MS)
    assert asked(keyed, mail_id) == before


def test_a_view_that_was_left_asks_for_nothing_even_after_a_deed_that_was_under_way(
    keyed: Tab, system: System, key: str, relay: SmtpServer
) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    (mail,) = send_to(system, key, "left@example.com", state="retrying")
    held: list[Route] = []
    keyed.page.clock.install()
    keyed.page.route("**/cancel", lambda route: held.append(route))
    keyed.go(f"#mails/{mail}")
    keyed.page.get_by_role("button", name="Cancel", exact=True).click()
    until(lambda: held or keyed.page.evaluate("0"))
    keyed.go("#send")
    expect(keyed.page.get_by_label("To", exact=True)).to_be_visible()
    with keyed.page.expect_response("**/cancel"):
        held[0].continue_()
    before = asked(keyed, f"/v1/emails/{mail}")
    for _ in range(3):
        keyed.page.clock.run_for(LONG_MS)
    assert asked(keyed, f"/v1/emails/{mail}") == before


def test_what_looks_the_same_stays_and_the_focus_with_it(
    keyed: Tab, system: System, key: str, relay: SmtpServer
) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    (mail,) = send_to(system, key, "focus@example.com", state="retrying")
    keyed.go(f"#mails/{mail}")
    button = keyed.page.get_by_role("button", name="Send the same again")
    button.focus()
    for _ in range(2):
        with keyed.page.expect_response(f"**/v1/emails/{mail}"):
            pass
    expect(button).to_be_focused()
