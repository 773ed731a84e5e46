"""Sending from the page, and watching what becomes of it without a reload."""

from playwright.sync_api import Route, expect

from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.page.tab import Tab
from tests.servers.script import Action, Conversation, Delay, Stage
from tests.servers.smtp import SmtpServer


def refuse_nobody(stage: Stage, argument: str, _conversation: Conversation) -> Action | None:
    return "550 5.1.1 No such user here" if stage == "RCPT" and "nobody@" in argument else None


def test_a_stranger_sends_the_greeting_and_watches_it_go_out(tab: Tab, relay: SmtpServer) -> None:
    relay.follow({"END": Delay(0.3)})
    line = tab.send("greeted@example.com")
    expect(line.locator(".badge")).to_have_text("sending")
    expect(line.locator(".badge")).to_have_text("sent")
    expect(line).to_contain_text("sent after")
    expect(tab.page.get_by_label("To", exact=True)).to_have_value("")
    expect(tab.page.locator("#live")).to_contain_text("greeted@example.com: sent")
    assert any("greeted@example.com" in mail.recipients for mail in relay.accepted)
    assert not any("greeted" in request.url for request in tab.requests)


def test_with_a_key_words_of_one_s_own_are_sent(keyed: Tab, relay: SmtpServer) -> None:
    line = keyed.send("words@example.com", "Backup done", "42 GB in 3 min")
    expect(line).to_contain_text("250 2.0.0 Ok: queued")
    (mail,) = (mail for mail in relay.accepted if "words@example.com" in mail.recipients)
    assert b"Subject: Backup done\r\n" in mail.content
    assert mail.content.endswith(b"42 GB in 3 min\r\n")


def test_without_a_key_there_is_no_field_for_words_and_it_is_said_how_to_get_one(tab: Tab) -> None:
    expect(tab.page.get_by_label("Subject")).to_be_hidden()
    tab.page.get_by_role("link", name="enter a key").click()
    expect(tab.page.get_by_role("heading", name="A key, please")).to_be_focused()


def test_a_refused_recipient_shows_the_relay_s_words(keyed: Tab, relay: SmtpServer) -> None:
    relay.follow(refuse_nobody)
    line = keyed.send("nobody@example.com")
    expect(line.locator(".badge")).to_have_text("failed")
    expect(line).to_contain_text("550 5.1.1 No such user here")


def test_a_relay_that_is_busy_is_told_with_when_it_is_tried_again(keyed: Tab, relay: SmtpServer) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    line = keyed.send("busy@example.com")
    expect(line.locator(".badge")).to_have_text("retrying")
    expect(line).to_contain_text("tried again in")
    expect(line).to_contain_text("451 4.7.1 Greylisted")


def test_what_is_wrong_with_an_address_is_said_beside_it(tab: Tab) -> None:
    tab.send("not an address")
    expect(tab.page.locator("#send-error")).to_contain_text("must have an @-sign")
    expect(tab.page.get_by_label("To", exact=True)).to_be_focused()
    expect(tab.page.get_by_label("To", exact=True)).to_have_value("not an address")


def test_an_address_is_not_called_wrong_for_what_is_wrong_elsewhere(keyed: Tab) -> None:
    keyed.send("right@example.com", "=?utf-8?q?hidden?=", "Words")
    expect(keyed.page.locator("#send-error")).not_to_be_empty()
    expect(keyed.page.get_by_label("Subject")).to_be_focused()
    expect(keyed.page.get_by_label("Subject")).to_have_attribute("aria-invalid", "true")
    expect(keyed.page.get_by_label("To", exact=True)).not_to_have_attribute("aria-invalid", "true")


def test_a_request_whose_answer_is_lost_can_be_sent_again_and_makes_one_mail(
    keyed: Tab, relay: SmtpServer, system: System
) -> None:
    keyed.page.route("**/v1/emails", lambda route: (route.fetch(), route.abort()), times=1)
    keyed.send("once@example.com")
    expect(keyed.page.locator("#send-error")).to_contain_text("does not answer")
    keyed.troubles.clear()
    keyed.page.get_by_role("button", name="Send", exact=True).click()
    expect(keyed.page.locator("#send-lines li .badge").first).to_have_text("sent")
    assert len([mail for mail in relay.accepted if "once@example.com" in mail.recipients]) == 1


def test_a_mail_whose_key_was_forgotten_meanwhile_leaves_no_line(keyed: Tab) -> None:
    held: list[Route] = []
    keyed.page.route("**/v1/emails", lambda route: held.append(route))
    keyed.page.get_by_label("To", exact=True).fill("gone@forgotten.example")
    keyed.page.get_by_role("button", name="Send", exact=True).click()
    until(lambda: held or keyed.page.evaluate("0"))
    keyed.page.get_by_role("button", name="Forget the key").click()
    with keyed.page.expect_response("**/v1/emails"):
        held[0].continue_()
    expect(keyed.page.get_by_role("button", name="Send", exact=True)).to_be_enabled()  # the answer has been read
    expect(keyed.page.locator("#send-lines li")).to_have_count(0)
    assert "gone@forgotten.example" not in keyed.page.content()


def test_the_time_is_logged_at_once(tab: Tab, system: System) -> None:
    tab.page.get_by_role("button", name="Log the time").click()
    expect(tab.page.locator("#talk-answer")).to_contain_text("Logged ")
    time = tab.page.locator("#talk-answer").inner_text().removeprefix("Logged ")
    assert time in (system.folder / "talktome.log").read_text()


def test_all_of_it_can_be_done_by_keyboard(tab: Tab) -> None:
    tab.page.keyboard.press("Tab")
    expect(tab.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    tab.page.keyboard.press("Enter")
    tab.page.keyboard.press("Tab")
    expect(tab.page.get_by_label("To", exact=True)).to_be_focused()
    tab.page.keyboard.type("typed@example.com")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator("#send-lines li", has_text="typed@example.com").locator(".badge")).to_have_text("sent")
