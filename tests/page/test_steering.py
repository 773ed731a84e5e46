"""The list of mails, and what can be done to them."""

import re

from playwright.sync_api import Route, expect

from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.page.tab import Tab, post
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
    expect(steps).to_have_text(["accepted", "published", "claimed", "the relay took it", "sent"])
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
    steps, first = keyed.page.locator("#mail-times li strong"), ["claimed", "the relay was busy"]
    expect(steps).to_have_text(["accepted", "published", *first, "next attempt"])
    relay.follow({})
    keyed.page.get_by_role("button", name="Try again now").click()
    expect(keyed.page.locator("#mail-state .badge")).to_have_text("sent")
    expect(keyed.page.locator("#mail-times .words")).to_have_text(["451 4.7.1 Greylisted", "250 2.0.0 Ok: queued"])
    expect(steps).to_have_text(["accepted", *first, "published", "claimed", "the relay took it", "sent"])
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


def test_all_that_match_are_tried_again_after_their_number_was_shown(
    keyed: Tab, system: System, key: str, relay: SmtpServer
) -> None:
    relay.follow({"RCPT": "550 5.1.1 Unknown"})
    send_to(system, key, *(f"m{i}@all.example" for i in range(3)), state="failed")
    relay.follow({})
    keyed.go("#mails?to=@all.example")
    expect(keyed.rows().locator(".badge")).to_have_text(["failed"] * 3)
    keyed.page.get_by_role("button", name="Retry all that match…").click()
    expect(keyed.page.get_by_role("heading", name="Retry 3 mails?")).to_be_visible()
    keyed.page.get_by_role("button", name="Leave them alone").click()
    expect(keyed.rows().locator(".badge")).to_have_text(["failed"] * 3)
    keyed.page.get_by_role("button", name="Retry all that match…").click()
    keyed.page.get_by_role("button", name="Retry 3 mails").click()
    expect(keyed.rows().locator(".badge")).to_have_text(["sent"] * 3)


def test_no_more_are_tried_again_than_were_agreed_to_however_many_come_back(keyed: Tab) -> None:
    steps = [{"dry_run": True, "changed": 0, "left": 3}] + [{"dry_run": False, "changed": 2, "left": 2}] * 3
    asked: list[object] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(json=steps[len(asked) - 1])

    keyed.page.route("**/v1/emails/retry", answer)
    keyed.go("#mails?state=retrying")
    keyed.page.get_by_role("button", name="Retry all that match…").click()
    keyed.page.get_by_role("button", name="Retry 3 mails").click()
    expect(keyed.page.locator("#live")).to_have_text("4 mails will be tried again.")
    assert asked == [{"state": "retrying", "dry_run": True}, {"state": "retrying"}, {"state": "retrying"}]


def test_a_confirm_that_came_after_the_worker_was_done_stands_before_its_attempt(
    keyed: Tab, system: System, key: str
) -> None:
    (mail,) = send_to(system, key, "overtaken@example.com", state="sent")
    until(lambda: system.status(f"/v1/emails/{mail}", key)["published_at"])
    late = system.status(f"/v1/emails/{mail}", key) | {"published_at": "2099-01-01T00:00:00.000Z"}
    keyed.page.route(f"**/v1/emails/{mail}", lambda route: route.fulfill(json=late))
    keyed.go(f"#mails/{mail}")
    steps = keyed.page.locator("#mail-times li strong")
    expect(steps).to_have_text(["accepted", "published", "claimed", "the relay took it", "sent"])


def test_all_that_match_are_canceled_after_their_number_was_shown(
    keyed: Tab, system: System, key: str, relay: SmtpServer
) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    ids = send_to(system, key, *(f"m{i}@stop.example" for i in range(3)), state="retrying")
    (other,) = send_to(system, key, "other@spared.example", state="retrying")
    relay.follow({})
    send_to(system, key, "sent@stop.example", state="sent")
    keyed.go("#mails?to=@stop.example")
    expect(keyed.rows().locator(".badge")).to_have_text(["sent", *["retrying"] * 3])
    cancel = keyed.page.get_by_role("button", name="Cancel all that match…")
    cancel.click()
    expect(keyed.page.get_by_role("heading", name="Cancel 3 mails?")).to_be_visible()
    keyed.page.get_by_role("button", name="Leave them alone").click()
    expect(keyed.page.get_by_role("heading", name="Cancel 3 mails?")).to_be_hidden()
    assert {system.status(f"/v1/emails/{mail_id}", key)["state"] for mail_id in ids} == {"retrying"}
    cancel.click()
    keyed.page.get_by_role("button", name="Cancel 3 mails").click()
    expect(keyed.page.locator("#live")).to_have_text("3 mails are canceled.")
    expect(keyed.rows().locator(".badge")).to_have_text(["sent", *["canceled"] * 3])
    assert {system.status(f"/v1/emails/{mail_id}", key)["state"] for mail_id in ids} == {"canceled"}
    assert system.status(f"/v1/emails/{other}", key)["state"] == "retrying"


def test_where_nothing_can_be_canceled_it_is_said(keyed: Tab, system: System, key: str) -> None:
    send_to(system, key, "done@done.example", state="sent")
    keyed.go("#mails?to=@done.example")
    expect(keyed.rows()).to_have_count(1)
    keyed.page.get_by_role("button", name="Cancel all that match…").click()
    expect(keyed.page.get_by_role("heading", name="Nothing to cancel")).to_be_visible()
    keyed.page.keyboard.press("Escape")
    expect(keyed.page.get_by_role("heading", name="Nothing to cancel")).to_be_hidden()


def test_a_mail_that_is_not_there_is_said_to_be_gone(keyed: Tab) -> None:
    keyed.go("#mails/0190a000-0000-7000-8000-000000000000")
    expect(keyed.page.locator("#mail-error")).to_contain_text("There is no mail of this id")
