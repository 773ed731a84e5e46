"""`POST /notify/` and `GET /task_status/ID`: the same mails in the words of a task queue."""

import pytest

from messaging.outbox.states import State
from tests.fixtures.client import JSON
from tests.fixtures.service import Service

NOBODY = "0190a000-0000-7000-8000-000000000000"


@pytest.fixture
def task(service: Service) -> str:
    return service.public.post_json("/notify/", {"email": "michael@example.com"}).id


def test_a_notification_is_a_task(service: Service, key: str) -> None:
    document = {"email": "me+tag@example.com", "subject": "Hi", "message": "There"}
    answer = service.public.post_json("/notify/", document, {"X-API-Key": key})
    (mail,) = service.mails
    assert (answer.status, answer.id) == (202, mail.id)
    assert answer.json == {"task_id": mail.id, "status": "PENDING"}
    assert (mail.recipient, mail.subject, mail.text) == ("me+tag@example.com", "Hi", "There")
    assert service.publisher.seen == [("me+tag@example.com", "Hi", "There")]


def test_a_notification_by_form(service: Service, key: str) -> None:
    form = f"email=me+tag@example.com&subject=Hi+you&message=There&key={key}"
    answer = service.public.post_form("/notify/", form)
    (mail,) = service.mails
    assert answer.text == f"task {mail.id} PENDING, status: /task_status/{mail.id}"
    assert (mail.recipient, mail.subject, mail.text) == ("me+tag@example.com", "Hi you", "There")


def test_a_stranger_may_send_the_greeting(service: Service) -> None:
    assert service.public.post_json("/notify/", {"email": "me@example.com"}).status == 202
    assert service.mails[0].text == "The operator's words."


@pytest.mark.parametrize("words", [{"subject": "Hi"}, {"message": "There"}, {"key": "nonsense"}])
def test_anything_else_needs_a_key_that_is_ours(service: Service, words: dict[str, str]) -> None:
    answer = service.public.post_json("/notify/", {"email": "me@example.com", **words})
    assert (answer.status, service.mails) == (401, [])


@pytest.mark.parametrize(
    ("document", "status", "field"),
    [
        ({}, 422, "email"),
        ({"email": "me"}, 422, "email"),
        ({"email": 5}, 422, "email"),
        ({"email": "me@example.com", "message": "a\0b"}, 422, "message"),
        ({"email": "me@example.com", "subject": "a\tb"}, 422, "subject"),
        ({"email": "me@example.com", "text": "There"}, 400, "text"),
        ({"to": "me@example.com"}, 400, "to"),
        ([], 400, None),
    ],
)
def test_what_is_wrong_is_refused_with_the_field_and_the_reason(
    service: Service, key: str, document: object, status: int, field: str | None
) -> None:
    answer = service.public.post_json("/notify/", document, {"X-API-Key": key})
    assert (answer.status, answer.json.get("field")) == (status, field)
    assert service.mails == []


def test_a_body_of_another_type_is_refused(service: Service) -> None:
    answer = service.public.request("POST", "/notify/", b"me@example.com", {"Content-Type": "text/plain"})
    assert answer.status == 415


def test_without_the_database_nothing_is_accepted(service: Service) -> None:
    with service.without_database():
        answer = service.public.post_json("/notify/", {"email": "me@example.com"})
    assert (answer.status, service.publisher.ids) == (503, [])


@pytest.mark.parametrize(
    ("state", "status", "result", "in_full"),
    [
        (State.SCHEDULED, "PENDING", None, None),
        (State.QUEUED, "PENDING", None, None),
        (State.SENDING, "STARTED", None, None),
        (State.RETRYING, "RETRY", None, None),
        (State.SENT, "SUCCESS", "sent at 2026-03-01T12:00:01.000Z", ", attempt 1: 250 2.0.0 Ok: queued as 1A2B"),
        (
            State.TESTED,
            "SUCCESS",
            "tested at 2026-03-01T12:00:01.000Z",
            ", attempt 1: composed, and not handed to the relay",
        ),
        (State.FAILED, "FAILURE", "failed at 2026-03-01T12:00:01.000Z", ", attempt 1: 550 5.1.1 No such user here"),
        (State.CANCELED, "REVOKED", "canceled at 2026-03-01T12:00:00.000Z", ""),
    ],
)
def test_the_status_of_a_task_in_every_state(
    service: Service, key: str, task: str, state: State, status: str, result: str | None, in_full: str | None
) -> None:
    service.bring_into(task, state)
    answer = service.public.get(f"/task_status/{task}", JSON)
    assert answer.status == 200
    assert answer.json == {"task_id": task, "status": status, "result": result}
    with_key = service.public.get(f"/task_status/{task}?key={key}", JSON)
    assert with_key.json["result"] == (None if result is None else f"{result}{in_full}")
    assert service.public.get(f"/task_status/{task}").text.startswith(f"{status} {state}")


def test_a_wrong_key_is_not_a_stranger(service: Service, task: str) -> None:
    assert service.public.get(f"/task_status/{task}", {"X-API-Key": "nonsense"}).status == 401


@pytest.mark.parametrize("task_id", [NOBODY, "1", "%ff"])
def test_there_is_no_task_of_another_id(service: Service, task_id: str) -> None:
    answer = service.public.get(f"/task_status/{task_id}", JSON)
    assert answer.status == 404


@pytest.mark.parametrize(
    ("parameter", "headers"), [("?key=", {}), ("", {"X-API-Key": ""}), ("", {"Authorization": "Bearer "})]
)
def test_an_empty_key_is_a_wrong_one(service: Service, task: str, parameter: str, headers: dict[str, str]) -> None:
    assert service.public.get(f"/task_status/{task}{parameter}", headers).status == 401
    answer = service.public.post_form("/notify/", f"email=me@example.com&{parameter[1:]}".rstrip("&"), headers)
    assert (answer.status, len(service.mails)) == (401, 1)
