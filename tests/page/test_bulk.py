"""What is done to all mails that match: no more than was agreed to, and said as it goes."""

import pytest
from playwright.sync_api import Route, expect

from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.page.tab import Tab
from tests.page.test_steering import send_to
from tests.servers.smtp import SmtpServer


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


def test_mails_that_come_while_it_is_asked_are_left_alone(
    keyed: Tab, system: System, key: str, relay: SmtpServer
) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    meant = send_to(system, key, *(f"m{i}@agreed.example" for i in range(3)), state="retrying")
    keyed.go("#mails?to=@agreed.example")
    keyed.page.get_by_role("button", name="Cancel all that match…").click()
    expect(keyed.page.get_by_role("heading", name="Cancel 3 mails?")).to_be_visible()
    late = send_to(system, key, *(f"n{i}@agreed.example" for i in range(4)), state="retrying")
    keyed.page.get_by_role("button", name="Cancel 3 mails").click()
    expect(keyed.page.locator("#bulk-said")).to_have_text("3 mails canceled.")
    states = {mail: system.status(f"/v1/emails/{mail}", key)["state"] for mail in meant + late}
    assert states == dict.fromkeys(meant, "canceled") | dict.fromkeys(late, "retrying")


def test_what_is_typed_and_not_searched_for_is_not_acted_on(keyed: Tab) -> None:
    keyed.go("#mails")
    cancel = keyed.page.get_by_role("button", name="Cancel all that match…")
    expect(cancel).to_be_enabled()
    keyed.page.get_by_label("Address, @domain or id").fill("one@typed.example")
    expect(cancel).to_be_disabled()
    expect(keyed.page.locator("#bulk-differs")).to_be_visible()
    cancel.press("Enter")
    keyed.page.get_by_role("button", name="Search").click()
    expect(cancel).to_be_enabled()
    expect(keyed.page.locator("#bulk-differs")).to_be_hidden()
    assert not any("/cancel" in request.url for request in keyed.requests)


@pytest.mark.parametrize(
    ("state", "shown"),
    [("sent", []), ("sending", []), ("queued", ["Cancel"]), ("failed", ["Retry"]), ("retrying", ["Retry", "Cancel"])],
)
def test_what_no_mail_of_the_state_allows_is_not_offered(keyed: Tab, state: str, shown: list[str]) -> None:
    keyed.go(f"#mails?state={state}")
    expect(keyed.page.get_by_label("State")).to_have_value(state)
    expect(keyed.page.locator("#mails-bulk button:visible")).to_have_text([f"{each} all that match…" for each in shown])


@pytest.mark.parametrize("answer", ["Escape", "Enter"])
def test_who_was_asked_goes_on_where_they_were(
    keyed: Tab, system: System, key: str, relay: SmtpServer, answer: str
) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    send_to(system, key, f"{answer}@focus.example", state="retrying")
    keyed.go(f"#mails?to={answer}@focus.example")
    expect(keyed.rows()).to_have_count(1)
    keyed.page.get_by_role("button", name="Cancel all that match…").press("Enter")
    expect(keyed.page.get_by_role("button", name="Leave them alone")).to_be_focused()
    if answer == "Enter":
        keyed.page.keyboard.press("Tab")
        expect(keyed.page.get_by_role("button", name="Cancel 1 mail")).to_be_focused()
    keyed.page.keyboard.press(answer)
    said = "1 mail canceled." if answer == "Enter" else ""
    expect(keyed.page.locator("#bulk-said")).to_have_text(said)
    expect(keyed.page.get_by_role("button", name="Cancel all that match…")).to_be_focused()
    expect(keyed.page.get_by_role("button", name="Cancel all that match…")).to_be_enabled()


def test_who_left_meanwhile_is_not_asked(keyed: Tab, system: System, key: str, relay: SmtpServer) -> None:
    relay.follow({"RCPT": "451 4.7.1 Greylisted"})
    (mail,) = send_to(system, key, "left@question.example", state="retrying")
    keyed.go("#mails?to=left@question.example")
    expect(keyed.rows()).to_have_count(1)
    held: list[Route] = []
    keyed.page.route("**/v1/emails/cancel", lambda route: held.append(route), times=1)
    button = keyed.page.get_by_role("button", name="Cancel all that match…")
    button.click()
    until(lambda: held or keyed.page.evaluate("0"))
    keyed.go("#overview")
    expect(keyed.page.locator("#overview-charts svg").first).to_be_visible()
    with keyed.page.expect_response("**/v1/emails/cancel"):
        held[0].continue_()
    keyed.go("#mails?to=left@question.example")
    expect(button).to_be_enabled()  # what was under way is over
    expect(keyed.page.locator("#sure")).to_be_hidden()
    button.click()
    expect(keyed.page.locator("#sure")).to_be_visible()
    keyed.page.go_back()
    expect(keyed.page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(keyed.page.locator("#sure")).to_be_hidden()
    assert system.status(f"/v1/emails/{mail}", key)["state"] == "retrying"


OLD, NEW, BOUND = (f"0190a00{i}-0000-7000-8000-000000000000" for i in range(3))


def stepwise(tab: Tab, *steps: dict[str, object]) -> list[object]:
    """Answer a bulk retry by these steps, and break off after them; returns what is asked for."""
    asked: list[object] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data_json)
        if len(asked) > len(steps):
            route.abort()
        else:
            route.fulfill(json=steps[len(asked) - 1])

    tab.page.route("**/v1/emails/retry", answer)
    tab.go("#mails?state=retrying")
    tab.page.get_by_role("button", name="Retry all that match…").click()
    tab.page.get_by_role("button", name="Retry 3 mails").click()
    return asked


def test_no_more_are_tried_again_than_were_agreed_to_however_many_come_back(keyed: Tab) -> None:
    asked = stepwise(
        keyed,
        {"dry_run": True, "changed": 0, "left": 3, "before": BOUND, "after": None},
        {"dry_run": False, "changed": 2, "left": 2, "before": BOUND, "after": OLD},
        {"dry_run": False, "changed": 1, "left": 1, "before": BOUND, "after": NEW},
    )
    expect(keyed.page.locator("#bulk-said")).to_have_text("3 mails will be tried again.")
    bound = {"state": "retrying", "before": BOUND}
    assert asked == [
        {"state": "retrying", "dry_run": True},
        {**bound, "limit": 3},
        {**bound, "limit": 1, "after": OLD},
    ]


def test_what_the_service_could_not_go_on_with_is_said_with_how_many_it_changed(keyed: Tab) -> None:
    step = {"dry_run": False, "changed": 2, "left": None, "before": BOUND, "after": OLD}
    asked = stepwise(
        keyed,
        {"dry_run": True, "changed": 0, "left": 3, "before": BOUND, "after": None},
        {**step, "trouble": "the outbox is not available"},
    )
    expect(keyed.page.locator("#bulk-said")).to_have_text("Stopped after 2 mails: the outbox is not available.")
    assert len(asked) == 2


def test_a_failure_midway_says_how_many_were_changed(keyed: Tab) -> None:
    stepwise(
        keyed,
        {"dry_run": True, "changed": 0, "left": 3, "before": BOUND, "after": None},
        {"dry_run": False, "changed": 2, "left": 1, "before": BOUND, "after": OLD},
    )
    expect(keyed.page.locator("#bulk-said")).to_contain_text("Stopped after 2 mails. The service does not answer")
    keyed.troubles.clear()


def test_it_ends_with_the_key_that_it_was_asked_for_with(keyed: Tab) -> None:
    steps = [
        {"dry_run": True, "changed": 0, "left": 3, "before": BOUND, "after": None},
        {"dry_run": False, "changed": 1, "left": 2, "before": BOUND, "after": OLD},
    ]
    held: list[Route] = []
    keyed.page.route("**/v1/emails/retry", lambda route: held.append(route))
    keyed.go("#mails?state=retrying")
    keyed.page.get_by_role("button", name="Retry all that match…").click()
    until(lambda: held or keyed.page.evaluate("0"))
    held.pop().fulfill(json=steps[0])
    keyed.page.get_by_role("button", name="Retry 3 mails").click()
    until(lambda: held or keyed.page.evaluate("0"))
    keyed.page.get_by_role("button", name="Forget the key").click()
    held.pop().fulfill(json=steps[1])
    expect(keyed.page.locator("#retry-all")).to_have_attribute("aria-disabled", "false")  # it is over
    assert held == []
    expect(keyed.page.locator("#bulk-said")).to_have_text("")


def test_where_nothing_can_be_canceled_it_is_said(keyed: Tab, system: System, key: str) -> None:
    send_to(system, key, "done@done.example", state="sent")
    keyed.go("#mails?to=@done.example")
    expect(keyed.rows()).to_have_count(1)
    keyed.page.get_by_role("button", name="Cancel all that match…").click()
    expect(keyed.page.get_by_role("heading", name="Nothing to cancel")).to_be_visible()
    keyed.page.keyboard.press("Escape")
    expect(keyed.page.get_by_role("heading", name="Nothing to cancel")).to_be_hidden()
