"""`/v1/emails`: send a mail, and ask what became of it."""

import json

import pytest

from messaging.outbox.states import State
from tests.fixtures.client import JSON, Answer
from tests.fixtures.service import MakeService, Service

MAIL = {"to": "me+tag@example.com", "subject": "Grüße 🎈", "text": "Eins\nzwei"}
FORM_OF_MAIL = "to=me+tag@example.com&subject=Gr%C3%BC%C3%9Fe+%F0%9F%8E%88&text=Eins%0Azwei"
NOBODY = "0190a000-0000-7000-8000-000000000000"


@pytest.fixture
def sent(service: Service) -> str:
    """The id of a greeting that waits to be sent."""
    return service.public.get("/?sendmail=michael@example.com").id


def ask(service: Service, mail_id: str, key: str = "", headers: dict[str, str] | None = None) -> Answer:
    return service.public.get(f"/v1/emails/{mail_id}" + (f"?key={key}" if key else ""), headers)


def test_a_mail_is_sent_with_json(service: Service, key: str) -> None:
    answer = service.public.post_json("/v1/emails", MAIL, {"Authorization": f"Bearer {key}"})
    (mail,) = service.mails
    assert (answer.status, answer.id) == (202, mail.id)
    assert answer.json == {
        "id": mail.id,
        "state": "queued",
        "to": "me+tag@example.com",
        "created_at": "2026-03-01T12:00:00.000Z",
        "status_url": f"/v1/emails/{mail.id}",
    }
    assert (mail.recipient, mail.subject, mail.text) == tuple(MAIL.values())
    assert mail.sender == "alerts@example.org"


def test_a_mail_is_sent_with_a_form(service: Service, key: str) -> None:
    answer = service.public.post_form("/v1/emails", FORM_OF_MAIL, {"X-API-Key": key})
    (mail,) = service.mails
    assert (answer.status, answer.id) == (202, mail.id)
    assert answer.text == f"accepted for me+tag@example.com, status: /v1/emails/{mail.id}"
    assert (mail.recipient, mail.subject, mail.text) == tuple(MAIL.values())


def test_a_form_is_answered_in_json_for_who_asks(service: Service, key: str) -> None:
    answer = service.public.post_form("/v1/emails", FORM_OF_MAIL, {"X-API-Key": key, **JSON})
    assert answer.json["id"] == answer.id


def test_a_mail_is_stored_before_anybody_is_told(service: Service, key: str) -> None:
    answer = service.public.post_json("/v1/emails", {**MAIL, "key": key})
    assert service.publisher.ids == [answer.id]
    assert service.publisher.seen == [tuple(MAIL.values())]


def test_a_stranger_may_send_the_greeting(service: Service) -> None:
    assert service.public.post_json("/v1/emails", {"to": "me@example.com"}).status == 202
    assert service.mails[0].subject == "A greeting"


@pytest.mark.parametrize("words", [{"subject": "Hi"}, {"text": "There"}, {"subject": "", "text": ""}])
def test_a_stranger_has_no_words_of_their_own(service: Service, words: dict[str, str]) -> None:
    answer = service.public.post_json("/v1/emails", {"to": "me@example.com", **words})
    assert answer.status == 401
    assert service.mails == []


@pytest.mark.parametrize("wrong", ["nonsense", "\ud800", "ключ"])
def test_a_wrong_key_is_no_key_at_all(service: Service, wrong: str) -> None:
    answer = service.public.post_json("/v1/emails", {"to": "me@example.com", "key": wrong})
    assert (answer.status, service.mails) == (401, [])


def test_the_operator_can_ask_for_a_key(make_service: MakeService) -> None:
    service = make_service(OPEN_SENDMAIL="false")
    assert service.public.post_json("/v1/emails", {"to": "me@example.com"}).status == 401


def test_the_operator_says_where_mail_may_go(make_service: MakeService) -> None:
    service = make_service(ALLOWED_RECIPIENTS="@example.org")
    answer = service.public.post_json("/v1/emails", {"to": "me@example.com"})
    assert (answer.status, answer.json["field"]) == (403, "to")


@pytest.mark.parametrize(
    ("document", "status", "field"),
    [
        ({}, 422, "to"),
        ({"subject": "Hi"}, 422, "to"),
        ({"to": ""}, 422, "to"),
        ({"to": "me"}, 422, "to"),
        ({"to": None}, 422, "to"),
        ({"to": ["me@example.com"]}, 422, "to"),
        ({"to": "me@example.com\r\nBcc: you@example.com"}, 422, "to"),
        ({"to": "me@example.com", "subject": 1}, 422, "subject"),
        ({"to": "me@example.com", "subject": "a\nb"}, 422, "subject"),
        ({"to": "me@example.com", "subject": "a\ud800b"}, 422, "subject"),
        ({"to": "me@example.com", "text": "a\0b"}, 422, "text"),
        ({"to": "me@example.com", "text": "a\ud800b"}, 422, "text"),
        ({"to": "me@example.com", "text": {}}, 422, "text"),
        ({"to": "me@example.com", "cc": "you@example.com"}, 400, "cc"),
        ([], 422, None),
        ("me@example.com", 400, None),
        (b"", 400, None),
        (b"{", 400, None),
        (b'{"to": "me@example.com", "to": "you@example.com"}', 400, "to"),
        (b'{"to": "me@example.com", "subject": NaN}', 400, None),
        (b'{"to": "me@\xff.com"}', 400, None),
        (b'{"to": ' + b"[" * 100_000, 400, None),
        (b'{"to": ' + b"9" * 10_000 + b"}", 400, None),
    ],
)
def test_what_is_wrong_is_refused_with_the_field_and_the_reason(
    service: Service, key: str, document: object, status: int, field: str | None
) -> None:
    answer = service.public.post_json("/v1/emails", document, {"X-API-Key": key})
    assert (answer.status, answer.json.get("field")) == (status, field)
    assert service.mails == []


@pytest.mark.parametrize(
    ("form", "status"),
    [("", 422), ("subject=Hi", 422), ("to=me", 422), ("to=me@example.com&to=you@example.com", 400), ("to=%zz", 400)],
)
def test_a_form_that_is_wrong_is_refused(service: Service, form: str, status: int) -> None:
    answer = service.public.post_form("/v1/emails", form)
    assert (answer.status, service.mails) == (status, [])
    assert answer.text.startswith("error: ")


def test_parameters_belong_into_the_body(service: Service) -> None:
    answer = service.public.post_json("/v1/emails?to=me@example.com", {"to": "me@example.com"})
    assert (answer.status, service.mails) == (400, [])


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/mixed; boundary=x", ""])
def test_a_body_of_another_type_is_refused(service: Service, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = service.public.request("POST", "/v1/emails", b'{"to": "me@example.com"}', headers)
    assert (answer.status, service.mails) == (415, [])
    assert "application/json" in answer.text


def test_a_body_that_is_too_large_is_refused(make_service: MakeService) -> None:
    service = make_service(MAX_BODY_BYTES="1024")
    answer = service.public.post_json("/v1/emails", {"to": "me@example.com", "text": "x" * 1024})
    assert (answer.status, service.mails) == (413, [])


def test_without_the_database_nothing_is_accepted(service: Service, key: str) -> None:
    with service.without_database():
        for document in ({"to": "me@example.com"}, {**MAIL, "key": key}):
            answer = service.public.post_json("/v1/emails", document)
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
    assert service.publisher.ids == []


def test_a_stranger_who_knows_the_id_sees_the_state_and_the_times(service: Service, sent: str) -> None:
    answer = ask(service, sent, headers=JSON)
    assert answer.status == 200
    assert answer.json == {
        "id": sent,
        "state": "queued",
        "final": False,
        "to": "m***@example.com",
        "created_at": "2026-03-01T12:00:00.000Z",
        "published_at": None,
        "due_at": "2026-03-01T12:00:05.000Z",
        "finished_at": None,
        "status_url": f"/v1/emails/{sent}",
    }


def test_with_a_key_everything_is_shown(service: Service, key: str, sent: str) -> None:
    service.clock.pass_s(0.004)
    service.confirms.came([sent])
    service.clock.pass_s(0.096)
    service.bring_into(sent, State.FAILED)
    service.confirms.note()
    answer = ask(service, sent, key, JSON)
    assert answer.json == {
        "id": sent,
        "state": "failed",
        "final": True,
        "to": "michael@example.com",
        "from": "alerts@example.org",
        "subject": "A greeting",
        "created_at": "2026-03-01T12:00:00.000Z",
        "published_at": "2026-03-01T12:00:00.004Z",
        "due_at": None,
        "finished_at": "2026-03-01T12:00:01.100Z",
        "status_url": f"/v1/emails/{sent}",
        "attempts": [
            {
                "number": 1,
                "started_at": "2026-03-01T12:00:00.200Z",
                "connect_ms": 30,
                "transfer_ms": 60,
                "outcome": "refused",
                "code": 550,
                "reply": "5.1.1 No such user here",
            }
        ],
    }


@pytest.mark.parametrize(
    ("state", "public", "in_full"),
    [
        (State.SCHEDULED, "scheduled until 2026-03-01T12:01:00.000Z", ""),
        (State.QUEUED, "queued", ""),
        (State.SENDING, "sending", ""),
        (State.RETRYING, "retrying until 2026-03-01T12:01:01.000Z", ", attempt 1: 451 4.7.1 Greylisted"),
        (State.SENT, "sent at 2026-03-01T12:00:01.000Z", ", attempt 1: 250 2.0.0 Ok: queued as 1A2B"),
        (State.TESTED, "tested at 2026-03-01T12:00:01.000Z", ", attempt 1: composed, and not handed to the relay"),
        (State.FAILED, "failed at 2026-03-01T12:00:01.000Z", ", attempt 1: 550 5.1.1 No such user here"),
        (State.CANCELED, "canceled at 2026-03-01T12:00:00.000Z", ""),
    ],
)
def test_every_state_is_one_line(
    service: Service, key: str, sent: str, state: State, public: str, in_full: str
) -> None:
    service.bring_into(sent, state)
    assert ask(service, sent).text == public
    assert ask(service, sent, key).text == public + in_full
    assert ask(service, sent, headers=JSON).json["state"] == state.value
    assert "attempts" not in ask(service, sent, headers=JSON).json


@pytest.mark.parametrize("how", [{"Authorization": "Bearer {}"}, {"X-API-Key": "{}"}])
def test_a_key_may_come_in_a_header_field(service: Service, key: str, sent: str, how: dict[str, str]) -> None:
    headers = {name: value.format(key) for name, value in how.items()}
    assert ask(service, sent, headers=headers | JSON).json["to"] == "michael@example.com"


def test_a_wrong_key_is_not_a_stranger(service: Service, sent: str) -> None:
    assert ask(service, sent, "nonsense").status == 401


@pytest.mark.parametrize("mail_id", [NOBODY, "1", NOBODY.upper(), "%00", "..", NOBODY + "%20"])
@pytest.mark.parametrize("headers", [{}, JSON])
def test_there_is_no_mail_of_another_id(service: Service, sent: str, mail_id: str, headers: dict[str, str]) -> None:
    answer = ask(service, mail_id, headers=headers)
    assert answer.status == 404
    assert "there is no mail of this id" in json.dumps(answer.json) if headers else answer.text


def test_a_parameter_that_is_not_known_is_refused(service: Service, sent: str) -> None:
    assert service.public.get(f"/v1/emails/{sent}?verbose=1").status == 400


def test_looking_at_a_mail_changes_nothing(service: Service, sent: str) -> None:
    before = service.mails
    assert service.public.request("HEAD", f"/v1/emails/{sent}").status == 200
    assert service.public.request("HEAD", f"/v1/emails/{NOBODY}").status == 404
    assert service.mails == before


def test_without_the_database_no_status_is_made_up(service: Service, sent: str) -> None:
    with service.without_database():
        answer = ask(service, sent)
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("parameter", "headers"), [("?key=", {}), ("", {"X-API-Key": ""}), ("", {"Authorization": "Bearer "})]
)
def test_an_empty_key_is_a_wrong_one(service: Service, sent: str, parameter: str, headers: dict[str, str]) -> None:
    assert service.public.get(f"/v1/emails/{sent}{parameter}", headers).status == 401
    answer = service.public.post_form("/v1/emails", f"to=me@example.com&{parameter[1:]}".rstrip("&"), headers)
    assert (answer.status, len(service.mails)) == (401, 1)
