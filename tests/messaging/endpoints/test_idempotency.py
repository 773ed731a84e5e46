"""`Idempotency-Key`: a request that is sent again, because its answer was lost, makes no second mail."""

import time

import pytest

from messaging.repeats import IDEMPOTENCY_MS
from tests.fixtures.client import JSON, Answer
from tests.fixtures.service import Service
from tests.fixtures.storage import connected
from tests.fixtures.threads import all_at_once

FORMS = ["POST /", "POST /action", "POST /v1/emails", "POST /v1/emails form", "POST /notify/"]
NAMES = {"/": "sendmail", "/action": "sendmail", "/v1/emails": "to", "/notify/": "email"}

every_form = pytest.mark.parametrize("form", FORMS)


def post(
    service: Service,
    form: str,
    idempotency_key: str,
    *,
    to: str = "me@example.com",
    subject: str = "",
    headers: dict[str, str] | None = None,
) -> Answer:
    _, path, *as_form = form.split()
    fields = {NAMES[path]: to, **({"subject": subject} if subject else {})}
    headers = {"Idempotency-Key": idempotency_key, **(headers or {})}
    if path in ("/", "/action") or as_form:
        return service.public.post_form(path, "&".join(f"{name}={value}" for name, value in fields.items()), headers)
    return service.public.post_json(path, fields, headers)


@every_form
def test_the_same_request_again_has_the_same_answer(service: Service, key: str, form: str) -> None:
    headers = {"X-API-Key": key}
    first = post(service, form, "order-1", headers=headers)
    service.clock.pass_s(30)
    again = post(service, form, "order-1", headers=headers)
    assert (first.status, again.status) == (202, 202)
    assert again.body == first.body
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers["Idempotency-Replayed"], again.headers["Idempotency-Replayed"]) == (None, "true")
    assert len(service.mails) == len(service.publisher.ids) == 1


@every_form
def test_another_request_with_the_same_key_is_refused(service: Service, key: str, form: str) -> None:
    headers = {"X-API-Key": key}
    post(service, form, "order-1", headers=headers)
    others = [
        post(service, form, "order-1", to="you@example.com", headers=headers | JSON),
        post(service, form, "order-1", subject="Hi", headers=headers | JSON),
    ]
    for other in others:
        assert (other.status, other.json["field"]) == (422, "Idempotency-Key")
        assert other.json["detail"] == "was used for another request"
    assert len(service.mails) == 1
    assert post(service, form, "order-1", headers=headers).status == 202


def test_the_same_request_again_is_answered_as_before_when_the_mail_was_removed_whether_it_waits_or_not(
    service: Service, key: str
) -> None:
    headers = {"X-API-Key": key, "Idempotency-Key": "order-1"}
    first = service.public.post_json("/v1/emails", {"to": "me@example.com"}, headers)
    with connected(service.database_path) as connection:
        connection.execute("DELETE FROM mails")
    began = time.monotonic()
    for wait in ("", "?wait=1ms", "?wait=20s"):
        again = service.public.post_json(f"/v1/emails{wait}", {"to": "me@example.com"}, headers)
        assert (again.status, again.body, again.headers["Idempotency-Replayed"]) == (202, first.body, "true")
    assert time.monotonic() - began < 5
    assert service.mails == []


def test_another_path_is_another_request(service: Service, key: str) -> None:
    headers = {"X-API-Key": key}
    assert post(service, "POST /", "order-1", headers=headers).status == 202
    assert post(service, "POST /v1/emails", "order-1", headers=headers).status == 422


def test_white_space_in_json_makes_no_difference(service: Service, key: str) -> None:
    headers = {"X-API-Key": key, "Idempotency-Key": "order-1"}
    for body in (b'{"to":"me@example.com"}', b'{ "to" : "me@EXAMPLE.com" }'):
        assert service.public.post_json("/v1/emails", body, headers).status == 202
    assert len(service.mails) == 1


def test_every_caller_has_keys_of_their_own(service: Service, key: str) -> None:
    callers = [
        {"X-API-Key": key},
        {"X-API-Key": service.keys.add("other")},
        {"X-Forwarded-For": "198.51.100.7"},
        {"X-Forwarded-For": "198.51.100.8"},
    ]
    recipients = [f"user{number}@example.com" for number in range(4)]
    for _ in range(2):
        answers = [
            post(service, "POST /v1/emails", "order-1", to=to, headers=caller)
            for to, caller in zip(recipients, callers, strict=True)
        ]
    assert {answer.headers["Idempotency-Replayed"] for answer in answers} == {"true"}
    assert len({answer.id for answer in answers}) == len(service.mails) == 4


@pytest.mark.slow
@every_form
def test_100_at_the_same_moment_are_one_mail(service: Service, key: str, form: str) -> None:
    headers = {"X-API-Key": key}
    results = all_at_once(lambda _: post(service, form, "order-1", headers=headers), range(100))
    answers = [result.result() for result in results]
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body for answer in answers}) == len(service.mails) == 1
    assert sum(answer.headers["Idempotency-Replayed"] == "true" for answer in answers) == 99


@pytest.mark.slow
def test_100_strangers_at_the_same_moment_are_one_mail_and_one_use(service: Service) -> None:
    results = all_at_once(lambda _: post(service, "POST /v1/emails", "order-1"), range(100))
    assert {result.result().status for result in results} == {202}
    assert len(service.mails) == 1
    assert [post(service, "POST /v1/emails", f"order-{number}").status for number in range(2, 5)] == [202, 202, 429]


def test_a_key_is_remembered_for_a_day(service: Service, key: str) -> None:
    headers = {"X-API-Key": key}
    first = post(service, "POST /v1/emails", "order-1", headers=headers)
    service.clock.pass_s(IDEMPOTENCY_MS / 1000 - 0.001)
    assert post(service, "POST /v1/emails", "order-1", headers=headers).id == first.id
    service.clock.pass_s(0.001)
    assert post(service, "POST /v1/emails", "order-1", to="you@example.com", headers=headers).status == 202


def test_what_became_of_the_mail_meanwhile_changes_nothing(service: Service, key: str) -> None:
    headers = {"X-API-Key": key}
    first = post(service, "POST /v1/emails", "order-1", headers=headers)
    with connected(service.database_path) as connection:
        connection.execute("DELETE FROM mails")
    assert post(service, "POST /v1/emails", "order-1", headers=headers).body == first.body


def test_a_request_that_was_refused_may_be_sent_again(service: Service, key: str) -> None:
    headers = {"X-API-Key": key}
    assert post(service, "POST /v1/emails", "order-1", to="nobody", headers=headers).status == 422
    with service.without_database():
        assert post(service, "POST /v1/emails", "order-1", headers=headers).status == 503
    answer = post(service, "POST /v1/emails", "order-1", headers=headers)
    assert (answer.status, answer.headers["Idempotency-Replayed"]) == (202, None)


@pytest.mark.parametrize("good", ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", '"quoted"', "x" * 255, "a b~!"])
def test_a_key_is_any_short_text(service: Service, key: str, good: str) -> None:
    for _ in range(2):
        answer = post(service, "POST /v1/emails", good, headers={"X-API-Key": key})
    assert answer.headers["Idempotency-Replayed"] == "true"


@every_form
@pytest.mark.parametrize("bad", ["", "x" * 256, "é", "a\tb", "a\x7f"])
def test_a_key_that_is_none_is_refused(service: Service, form: str, bad: str) -> None:
    answer = post(service, form, bad, headers=JSON)
    assert (answer.status, answer.json["field"]) == (400, "Idempotency-Key")
    assert service.mails == []


def test_the_time_of_a_request_that_comes_again_is_its_own_and_is_logged_with_it(service: Service, key: str) -> None:
    """The mail is one; each line of the log is a request that was here, and whoever is told a time finds it there."""
    headers = {"Idempotency-Key": "order-1", "X-API-Key": key}
    first, again = (service.public.post_form("/?talktome", "sendmail=me@example.com", headers) for _ in range(2))
    assert (first.status, again.status) == (202, 202)
    assert first.id == again.id
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(service.mails) == 1
    for answer, line in zip((first, again), service.log_lines, strict=True):
        time, _, request_id = line.split()
        assert answer.text.startswith(f"logged {time}; accepted for me@example.com, ")
        assert answer.headers["X-Request-ID"] == request_id


def test_a_get_has_none(service: Service) -> None:
    answer = service.public.get("/?sendmail=me@example.com&talktome", {"Idempotency-Key": "order-1"})
    assert (answer.status, answer.text) == (400, "error: Idempotency-Key: is for POST")
    assert (service.mails, service.log_lines) == ([], [])


def test_no_key_is_kept_as_it_is(service: Service, key: str) -> None:
    post(service, "POST /v1/emails", "order-1-of-michael", headers={"X-API-Key": key})
    with connected(service.database_path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"order-1-of" not in service.database_path.read_bytes()
