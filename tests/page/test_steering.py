"""The list of mails, and what can be done to them."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.page.tab import Tab, post
from tests.servers.script import Delay
from tests.servers.smtp import SmtpServer


def send_to(system: System, key: str, *recipients: str, state: str) -> list[str]:
    """Have mails accepted and end in that state; returns their ids."""
    sent = [post(system.address, key, "/v1/emails", {"to": to, "subject": "A", "text": "B"}) for to in recipients]
    ids = [mail["id"] for mail in sent]
    for mail_id in ids:
        until(lambda: system.status(f"/v1/emails/{mail_id}", key)["state"] == state)  # noqa: B023 - called at once
    return ids


def test_the_newest_mails_come_first_and_new_ones_appear(keyed: Tab, system: System, key: str) -> None:
    send_to(system, key, "a@order.example", "b@order.example", state="sent")
    keyed.go("#mails")
    keyed.find("@order.example")
    expect(keyed.rows().locator("th")).to_have_text(["b@order.example", "a@order.example"])
    send_to(system, key, "c@order.example", state="sent")
    expect(keyed.rows().locator("th")).to_have_text(["c@order.example", "b@order.example", "a@order.example"])


def test_mails_are_found_by_state_address_and_id(keyed: Tab, system: System, key: str, relay: SmtpServer) -> None:
    (sent,) = send_to(system, key, "sent@found.example", state="sent")
    relay.follow({"RCPT": "550 5.1.1 Unknown"})
    send_to(system, key, "failed@found.example", state="failed")
    keyed.go("#mails")
    keyed.find("@found.example")
    expect(keyed.rows()).to_have_count(2)
    keyed.page.get_by_label("State").select_option("failed")
    expect(keyed.rows().locator("th")).to_have_text(["failed@found.example"])
    expect(keyed.rows()).to_contain_text("550 5.1.1 Unknown")
    keyed.find("nobody@found.example")
    expect(keyed.page.locator("#mails-none")).to_contain_text("No mail matches")
    expect(keyed.page.get_by_role("status").filter(has_text="No mail matches")).to_have_count(1)  # and heard
    keyed.find(sent)
    expect(keyed.page.get_by_role("heading", name="Mail to sent@found.example")).to_be_focused()


def test_what_cannot_be_searched_for_is_said(keyed: Tab) -> None:
    keyed.go("#mails")
    keyed.find("no address")
    expect(keyed.page.locator("#mails-error")).to_contain_text("Search for an address")
    expect(keyed.page.locator("#mails-none")).to_be_hidden()


def test_older_mails_are_a_page_further(keyed: Tab, system: System, key: str) -> None:
    post(system.address, key, "/v1/emails", [{"to": f"m{i}@pages.example"} for i in range(60)])
    keyed.go("#mails?to=@pages.example")
    expect(keyed.rows()).to_have_count(50)
    keyed.page.get_by_role("button", name="Older").click()
    expect(keyed.rows()).to_have_count(10)
    keyed.page.get_by_role("button", name="Newest").click()
    expect(keyed.rows()).to_have_count(50)


def test_a_mail_opens_to_its_time_line_and_source(keyed: Tab, system: System, key: str) -> None:
    (mail,) = send_to(system, key, "open@example.com", state="sent")
    keyed.go("#mails?to=open@example.com")
    keyed.page.get_by_role("link", name="open@example.com").click()
    steps = keyed.page.locator("#mail-times li strong")
    expect(steps).to_have_text(["accepted", "published", "claimed", "connected", "the relay took it", "sent"])
    published = keyed.page.locator("#mail-times li", has_text="published")
    expect(published).to_contain_text(re.compile(r"in the workers' queue after \d+ ms"))
    status = system.status(f"/v1/emails/{mail}", key)
    expect(published.locator("time")).to_have_attribute("datetime", status["published_at"])
    expect(keyed.page.locator("#mail-times")).to_contain_text("250 2.0.0 Ok: queued")
    keyed.page.get_by_text("Source", exact=True).click()
    expect(keyed.page.locator("#mail-source pre")).to_contain_text("To: open@example.com")


def test_a_mail_that_waits_is_tried_again_now(keyed: Tab, system: System, key: str, relay: SmtpServer) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    (mail,) = send_to(system, key, "again@example.com", state="retrying")
    keyed.go(f"#mails/{mail}")
    expect(keyed.page.locator("#mail-state")).to_contain_text("next attempt in")
    steps, first = keyed.page.locator("#mail-times li strong"), ["claimed", "connected", "the relay was busy"]
    expect(steps).to_have_text(["accepted", "published", *first, "next attempt"])
    relay.follow({})
    keyed.page.get_by_role("button", name="Try again now").click()
    expect(keyed.page.locator("#mail-state .badge")).to_have_text("sent")
    expect(keyed.page.locator("#mail-times .words")).to_have_text(["451 4.7.1 Greylisted", "250 2.0.0 Ok: queued"])
    expect(steps).to_have_text(["accepted", *first, "published", *first[:2], "the relay took it", "sent"])
    expect(keyed.page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_a_mail_that_waits_is_canceled(keyed: Tab, system: System, key: str, relay: SmtpServer) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    (mail,) = send_to(system, key, "cancel@example.com", state="retrying")
    keyed.go(f"#mails/{mail}")
    keyed.page.get_by_role("button", name="Cancel").click()
    expect(keyed.page.locator("#mail-state .badge")).to_have_text("canceled")
    assert system.status(f"/v1/emails/{mail}", key)["state"] == "canceled"


def test_a_deed_that_comes_too_late_says_why(keyed: Tab, system: System, key: str, relay: SmtpServer) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    (mail,) = send_to(system, key, "late@example.com", state="retrying")
    keyed.go(f"#mails/{mail}")
    cancel = keyed.page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    keyed.page.route(f"**/v1/emails/{mail}", lambda route: route.abort())  # it does not see what happens meanwhile
    post(system.address, key, f"/v1/emails/{mail}/cancel", {})
    cancel.click()
    expect(keyed.page.locator("#mail-error")).to_have_text("The mail is canceled.")
    keyed.page.unroute_all()
    # What the browser says of the requests that failed has come then, too.
    expect(keyed.page.locator("#mail-state .badge")).to_have_text("canceled")
    keyed.troubles.clear()


def test_the_same_is_sent_again_as_a_new_mail(keyed: Tab, system: System, key: str, relay: SmtpServer) -> None:
    (mail,) = send_to(system, key, "twice@example.com", state="sent")
    keyed.go(f"#mails/{mail}")
    keyed.page.get_by_role("button", name="Send the same again").click()
    expect(keyed.page).not_to_have_url(re.compile(mail))
    expect(keyed.page.locator("#mail-state .badge")).to_have_text("sent")
    assert len([mail for mail in relay.accepted if "twice@example.com" in mail.recipients]) == 2


def test_a_mail_that_failed_is_tried_again(keyed: Tab, system: System, key: str, relay: SmtpServer) -> None:
    relay.follow({"RCPT": "550 5.1.1 Unknown"})
    (mail,) = send_to(system, key, "failed@example.com", state="failed")
    relay.follow({})
    keyed.go(f"#mails/{mail}")
    keyed.page.get_by_role("button", name="Try again now").click()
    expect(keyed.page.locator("#mail-state .badge")).to_have_text("sent")


def test_a_click_too_many_sends_no_second_one(keyed: Tab, system: System, key: str, relay: SmtpServer) -> None:
    (mail,) = send_to(system, key, "double@example.com", state="sent")
    keyed.go(f"#mails/{mail}")
    keyed.page.get_by_role("button", name="Send the same again").dblclick()
    expect(keyed.page).not_to_have_url(re.compile(mail))
    expect(keyed.page.locator("#mail-state .badge")).to_have_text("sent")
    assert len([mail for mail in relay.accepted if "double@example.com" in mail.recipients]) == 2
    assert len([request for request in keyed.requests if request.url.endswith("/resend")]) == 1


def test_sent_again_after_an_answer_was_lost_it_is_the_same_mail(
    keyed: Tab, system: System, key: str, relay: SmtpServer
) -> None:
    (mail,) = send_to(system, key, "lost@example.com", state="sent")
    keyed.go(f"#mails/{mail}")
    keyed.page.route("**/resend", lambda route: (route.fetch(), route.abort()), times=1)
    button = keyed.page.get_by_role("button", name="Send the same again")
    button.click()
    expect(keyed.page.locator("#mail-error")).to_contain_text("does not answer")
    keyed.troubles.clear()
    button.click()
    expect(keyed.page).not_to_have_url(re.compile(mail))
    expect(keyed.page.locator("#mail-state .badge")).to_have_text("sent")
    assert len([mail for mail in relay.accepted if "lost@example.com" in mail.recipients]) == 2


def test_a_mail_that_is_being_sent_is_seen_to_be_claimed(
    keyed: Tab, system: System, key: str, relay: SmtpServer
) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    (mail,) = send_to(system, key, "claimed@example.com", state="retrying")
    relay.follow({"END": Delay(3)})
    keyed.go(f"#mails/{mail}")
    keyed.page.get_by_role("button", name="Try again now").click()
    steps = keyed.page.locator("#mail-times li")
    first = ["claimed", "connected", "the relay was busy"]
    expect(steps.locator("strong")).to_have_text(["accepted", *first, "published", "claimed", "being sent"])
    expect(steps.last).to_have_text("being sent now")


def test_a_confirm_that_came_after_the_worker_was_done_stands_before_its_attempt(
    keyed: Tab, system: System, key: str
) -> None:
    (mail,) = send_to(system, key, "overtaken@example.com", state="sent")
    until(lambda: system.status(f"/v1/emails/{mail}", key)["published_at"])
    late = system.status(f"/v1/emails/{mail}", key) | {"published_at": "2099-01-01T00:00:00.000Z"}
    keyed.page.route(f"**/v1/emails/{mail}", lambda route: route.fulfill(json=late))
    keyed.go(f"#mails/{mail}")
    steps = keyed.page.locator("#mail-times li strong")
    expect(steps).to_have_text(["accepted", "published", "claimed", "connected", "the relay took it", "sent"])


@pytest.mark.parametrize(("connect_ms", "connected"), [(1500, "in 1.5 s"), (0, "at once: the connection was open")])
def test_how_long_connecting_and_answering_took_is_told_apart(
    keyed: Tab, system: System, key: str, connect_ms: int, connected: str
) -> None:
    (mail,) = send_to(system, key, "timed@example.com", state="sent")

    def slow(route: Route) -> None:
        document = route.fetch().json()
        document["attempts"][0].update(connect_ms=connect_ms, transfer_ms=40)
        route.fulfill(json=document)

    keyed.page.route(f"**/v1/emails/{mail}", slow)
    keyed.go(f"#mails/{mail}")
    steps = keyed.page.locator("#mail-times li")
    expect(steps.filter(has_text="connected")).to_contain_text(connected)
    expect(steps.filter(has_text="the relay took it")).to_contain_text("in 40 ms")


def test_a_mail_that_is_not_there_is_said_to_be_gone(keyed: Tab) -> None:
    keyed.go("#mails/0190a000-0000-7000-8000-000000000000")
    expect(keyed.page.locator("#mail-error")).to_contain_text("There is no mail of this id")
