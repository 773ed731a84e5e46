"""Who looks at a link before a person does, such as a chat or a mail scanner, sends nothing; a curl does at once."""

import re
from html import unescape
from urllib.parse import urlencode

import pytest

from messaging.draft import Draft
from tests.fixtures.client import Answer
from tests.fixtures.service import Service

DRAFT = Draft("me@example.com", "Your own words", "Eins")

#: What browsers send, and scanners that look at a link in one.
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"}

CURL = {"Accept": "*/*", "User-Agent": "curl/7.88.1"}

PREVIEWS = [
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Slack-ImgProxy (+https://api.slack.com/robots)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp/2.23.20.0 A",
    "TelegramBot (like TwitterBot)",
    "Twitterbot/1.0",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
]


@pytest.fixture
def link(service: Service) -> str:
    return f"/?link={service.links.make(DRAFT, 3600)}"


def pressed(service: Service, page: Answer) -> Answer:
    """Press the page's button, as a browser does."""
    html = page.body.decode()
    (path,) = re.findall('<form method="post" action="([^"]*)">', html)
    fields = re.findall('<input type="hidden" name="([^"]*)" value="([^"]*)">', html)
    form = urlencode([(unescape(name), unescape(value)) for name, value in fields])
    return service.public.post_form(path, form, {**BROWSER, "Sec-Fetch-Site": "same-origin"})


def test_a_browser_is_asked_first_and_nothing_is_sent(service: Service, link: str) -> None:
    page = service.public.get(link, BROWSER)
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "This link sends one mail to m***@example.com" in page.body.decode()
    assert DRAFT.recipient not in page.body.decode()
    assert (service.mails, service.log_lines) == ([], [])


@pytest.mark.parametrize("path", ["/", "/action"])
@pytest.mark.parametrize("also", ["", "&talktome", "&talktome=%22%3E%3Cscript%3E"])
def test_the_button_sends_what_the_link_says(service: Service, link: str, path: str, also: str) -> None:
    page = service.public.get(f"{path}?{link[2:]}{also}", BROWSER)
    assert b"<script" not in page.body
    answer = pressed(service, page)
    assert answer.status == 202
    assert "accepted for me@example.com" in answer.text
    assert len(service.mails) == 1
    assert len(service.log_lines) == (1 if also else 0)
    assert "accepted before, and not sent again" in pressed(service, page).text


def test_the_page_loads_and_runs_nothing_and_leads_nowhere_else(service: Service, link: str) -> None:
    page = service.public.get(link, BROWSER)
    assert page.headers["Content-Security-Policy"] == (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert (page.headers["Vary"], page.headers["Cache-Control"]) == ("Accept", "no-store")
    assert not re.search("(?i)<script|<style|style=|src=|href=| on[a-z]+=|http", page.body.decode())


def test_curl_and_other_programs_send_at_once(service: Service, link: str) -> None:
    for number, headers in enumerate(({}, CURL, {"Accept": "application/json"}, {"Accept": "text/plain"})):
        target = link if not number else f"/?link={service.links.make(DRAFT, 3600)}"
        assert service.public.get(target, headers).status == 202
    assert len(service.mails) == 4


def test_who_asks_for_a_mail_or_the_time_in_a_browser_means_it(service: Service) -> None:
    assert service.public.get("/?sendmail=me@example.com&talktome", BROWSER).status == 202


@pytest.mark.parametrize("parameters", ["link", "sendmail=me@example.com", "talktome"])
@pytest.mark.parametrize("program", PREVIEWS)
def test_a_chat_s_preview_sends_and_logs_nothing_and_is_no_success(
    service: Service, link: str, parameters: str, program: str
) -> None:
    target = link if parameters == "link" else f"/?{parameters}"
    answer = service.public.get(target, {"Accept": "*/*", "User-Agent": program})
    assert (answer.status, answer.text) == (403, "error: a preview sends and logs nothing")
    assert (service.mails, service.log_lines) == ([], [])
    assert service.public.get(target, CURL).status in (200, 202)


@pytest.mark.parametrize("program", ["Mozilla/5.0 (compatible; UptimeRobot/2.0)", "mybot/1.0", "", "Wget/1.21"])
def test_other_programs_are_believed_whatever_they_are_called(service: Service, program: str) -> None:
    assert service.public.get("/?talktome", {"User-Agent": program}).status == 200


@pytest.mark.parametrize("token", ["nonsense", "<script>alert(1)</script>", "%22%3E%3Cscript%3E"])
def test_a_link_that_is_none_has_no_page(service: Service, token: str) -> None:
    answer = service.public.get(f"/?link={token}", BROWSER)
    assert (answer.status, answer.text) == (
        403,
        "error: link: this link was not made here, was changed since, or revoked",
    )
