"""A signed link sends the one mail it was made for, once, without a key."""

import pytest

from messaging.draft import Draft
from messaging.links import Link
from messaging.outbox.retention import Retention
from tests.fixtures.client import JSON, Answer
from tests.fixtures.clock import NOON_MS
from tests.fixtures.service import MakeService, Service
from tests.fixtures.threads import all_at_once

DRAFT = Draft("me@example.com", "Your own words", "Eins\nzwei")
DAY_S = 86_400.0
CLOSED = {"OPEN_SENDMAIL": "false", "OPEN_PER_RECIPIENT": "1/d", "OPEN_PER_CLIENT": "1/d", "OPEN_TOTAL": "1/d"}


@pytest.fixture
def link(service: Service) -> str:
    return f"/?link={service.links.make(DRAFT, 3600)}"


def test_a_link_sends_its_mail(service: Service, link: str) -> None:
    answer = service.public.get(link)
    (mail,) = service.mails
    assert (answer.status, answer.id) == (202, mail.id)
    assert answer.text == f"accepted for me@example.com, status: /v1/emails/{mail.id}"
    assert (mail.recipient, mail.subject, mail.text) == ("me@example.com", "Your own words", "Eins\nzwei")
    assert service.publisher.ids == [mail.id]


def test_a_form_may_carry_it_and_the_time_may_be_logged_as_well(service: Service, link: str) -> None:
    answer = service.public.post_form("/action?talktome", link[2:])
    assert answer.status == 202
    assert len(service.mails) == len(service.log_lines) == 1


def test_a_link_is_one_mail_however_often_and_by_whom_it_is_followed(service: Service, link: str) -> None:
    first = service.public.get(link)
    service.clock.pass_s(3599)
    again = service.public.get(link, JSON | {"X-Forwarded-For": "198.51.100.8"})
    form = service.public.post_form("/", link[2:])
    assert again.id == form.id == first.id
    assert again.json["repeated"] is True
    assert form.text.startswith("accepted before, and not sent again, for me@example.com, status: ")
    assert len(service.mails) == 1


def test_a_link_is_remembered_for_as_long_as_it_lasts(service: Service) -> None:
    link = f"/?link={service.links.make(DRAFT, 365 * DAY_S)}"
    first = service.public.get(link)
    for day in (1, 100, 364):
        service.clock.now = NOON_MS
        service.clock.pass_s(day * DAY_S)
        Retention(service.database, None, service.clock).prune()
        assert service.public.get(link).id == first.id, day
    assert len(service.mails) == 1


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ((3598, 3598), (3599.999, 3599.999)),
        ((1000, 1003), (3598, 3598)),
        ((1000, 1000), (3599, 3629)),
        ((3599, 3629), (3599.5, 3629)),
        ((3599, 3599), (3599.5, 3640)),
    ],
)
def test_in_the_last_moments_of_its_life_a_link_is_one_mail_too(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    link: str,
    first: tuple[float, float],
    again: tuple[float, float],
) -> None:
    """From the second in which a link is read to the one in which its mail is stored: a database may be locked."""
    read = service.links.read

    def followed(read_s: float, stored_s: float) -> Answer:
        def read_and_wait(token: str, field: str) -> Link:
            found = read(token, field)
            service.clock.now = NOON_MS + round(stored_s * 1000)
            return found

        monkeypatch.setattr(service.links, "read", read_and_wait)
        service.clock.now = NOON_MS + round(read_s * 1000)
        return service.public.get(link)

    assert followed(*first).id == followed(*again).id
    assert len(service.mails) == 1


def test_50_at_the_same_moment_are_one_mail(service: Service, link: str) -> None:
    answers = [result.result() for result in all_at_once(lambda _: service.public.get(link), range(50))]
    assert {answer.status for answer in answers} == {202}
    assert len(service.mails) == len(service.publisher.ids) == 1


def test_a_link_that_has_ended_is_gone_whether_it_was_used_or_not(service: Service, link: str) -> None:
    service.public.get(link)
    service.clock.pass_s(3600)
    answer = service.public.get(link)
    assert (answer.status, answer.text) == (410, "error: link: this link ended at 2026-03-01T13:00:00.000Z")
    assert len(service.mails) == 1


@pytest.mark.parametrize("token", ["", "x", "a.b", "%00", "%C3%A9", "x" * 8000])
def test_anything_else_is_refused(service: Service, token: str) -> None:
    answer = service.public.get(f"/?link={token}", JSON)
    assert (answer.status, answer.json["field"]) == (403, "link")
    assert service.mails == []


def test_a_link_that_was_changed_is_refused(service: Service, link: str) -> None:
    for changed in (link[:-1], link + "A", link[:10] + ("A" if link[10] != "A" else "B") + link[11:]):
        answer = service.public.get(changed)
        assert (answer.status, answer.text) == (
            403,
            "error: link: this link was not made here, was changed since, or revoked",
        )
    assert service.mails == []


@pytest.mark.parametrize("also", ["sendmail=you@example.com", "subject=Hi", "text=Hi", "key=", "key=nonsense"])
def test_nothing_can_be_said_beside_it(service: Service, link: str, also: str) -> None:
    answer = service.public.get(f"{link}&{also}")
    assert answer.status == (401 if "key" in also else 400)
    assert service.mails == []


def test_a_wrong_key_is_wrong_beside_a_link_too(service: Service, link: str) -> None:
    assert service.public.get(link, {"X-API-Key": "nonsense"}).status == 401
    assert service.mails == []


def test_what_strangers_may_does_not_bind_who_was_given_a_link(make_service: MakeService) -> None:
    service = make_service(**CLOSED)
    for number in range(5):
        token = service.links.make(DRAFT, 3600)
        assert service.public.get(f"/?link={token}").status == 202, number
    assert len(service.mails) == 5


def test_where_mail_may_go_binds_links_as_well(make_service: MakeService) -> None:
    service = make_service(ALLOWED_RECIPIENTS="@example.org")
    answer = service.public.get(f"/?link={service.links.make(DRAFT, 3600)}")
    assert (answer.status, service.mails) == (403, [])


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_looking_at_a_link_sends_nothing(service: Service, link: str, method: str) -> None:
    service.public.request(method, link)
    assert service.public.get(link, {"Sec-Purpose": "prefetch"}).status == 403
    assert service.mails == []
    assert service.public.get(link).text.startswith("accepted for ")


@pytest.mark.parametrize("form", ["link={token}", "link={token}&talktome"])
def test_with_an_idempotency_key_a_link_is_refused_and_nothing_done(service: Service, link: str, form: str) -> None:
    headers = {"Idempotency-Key": "order-1", **JSON}
    answer = service.public.post_form("/", form.format(token=link[7:]), headers)
    assert (answer.status, answer.json["field"]) == (400, "Idempotency-Key")
    assert service.public.get(link, headers).status == 400
    assert (service.mails, service.log_lines) == ([], [])


def test_without_the_database_a_link_waits(service: Service, link: str) -> None:
    with service.without_database():
        assert service.public.get(link).status == 503
    assert service.public.get(link).status == 202
