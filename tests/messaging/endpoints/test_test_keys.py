"""A test key's mail is told from others wherever it is shown."""

import pytest

from messaging.outbox.states import State
from tests.fixtures.client import JSON
from tests.fixtures.service import Service


@pytest.fixture
def headers(service: Service) -> dict[str, str]:
    return {"X-API-Key": service.keys.add("ci", test=True)}


def test_its_mail_is_accepted_and_published_as_any_other(service: Service, headers: dict[str, str]) -> None:
    answer = service.public.post_json("/v1/emails", {"to": "me@example.com", "subject": "Hi"}, headers)
    (mail,) = service.mails
    assert (mail.id, mail.state, mail.subject, mail.test) == (answer.id, State.QUEUED, "Hi", True)
    assert service.publisher.ids == [mail.id]
    assert answer.json["test"] is True


def test_the_line_says_that_it_is_a_test(service: Service, headers: dict[str, str]) -> None:
    answer = service.public.get("/?sendmail=me@example.com", headers)
    assert answer.text == (f"accepted for me@example.com as a test, not for the relay, status: /v1/emails/{answer.id}")


def test_its_status_is_never_called_sent(service: Service, headers: dict[str, str]) -> None:
    mail_id = service.public.get("/?sendmail=me@example.com", headers).id
    service.bring_into(mail_id, State.TESTED)
    assert service.public.get(f"/v1/emails/{mail_id}").text == "tested at 2026-03-01T12:00:01.000Z"
    document = service.public.get(f"/v1/emails/{mail_id}", JSON).json
    assert (document["state"], document["final"], document["test"]) == ("tested", True, True)
    assert service.public.get(f"/v1/emails/{mail_id}", headers | JSON).json["attempts"][0]["outcome"] == "tested"
    assert service.public.get(f"/task_status/{mail_id}", JSON).json["status"] == "SUCCESS"


def test_of_other_mails_nothing_of_the_kind_is_said(service: Service, key: str) -> None:
    answer = service.public.post_json("/v1/emails", {"to": "me@example.com"}, {"X-API-Key": key})
    assert "test" not in answer.json
    assert "test" not in service.public.get(f"/v1/emails/{answer.id}", JSON).json
    assert not service.mails[0].test
