"""HTML, an address for answers and attachments: from the request to the composed mail."""

import base64
import email
from email import policy
from email.message import EmailMessage
from typing import Any

import pytest

from messaging.enclosures import MOST_ATTACHMENTS, MOST_NAME
from messaging.outbox.retention import Retention
from messaging.outbox.states import State
from tests.fixtures.client import JSON, Answer
from tests.fixtures.service import MakeService, Service
from tests.fixtures.storage import connected

PDF = {"name": "grüße.pdf", "type": "application/pdf", "content": base64.b64encode(b"%PDF\0\xff").decode()}
RICH: dict[str, Any] = {
    "to": "me@example.com",
    "subject": "Hi",
    "text": "There",
    "html": "<p>There</p>",
    "reply_to": "you@example.org",
    "attachments": [PDF, {"name": "notes.txt", "content": "aGk="}],
}


def post(service: Service, fields: object, key: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return service.public.post_json("/v1/emails", fields, {"X-API-Key": key, **named})


def source(service: Service, mail_id: str, key: str) -> EmailMessage:
    answer = service.public.get(f"/v1/emails/{mail_id}/source", {"X-API-Key": key})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "message/rfc822")
    return email.message_from_bytes(answer.body, _class=EmailMessage, policy=policy.default)


def files(message: EmailMessage) -> list[tuple[str | None, str, bytes]]:
    return [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))  # type: ignore[misc]
        for part in message.iter_attachments()
    ]


def test_all_of_it_is_in_the_mail(service: Service, key: str) -> None:
    message = source(service, post(service, RICH, key).id, key)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert (text.get_content(), html.get_content()) == ("There\r\n", "<p>There</p>\r\n")
    assert message["Reply-To"] == "you@example.org"
    assert files(message) == [
        ("grüße.pdf", "application/pdf", b"%PDF\0\xff"),
        ("notes.txt", "application/octet-stream", b"hi"),
    ]


def test_the_worker_that_claims_the_mail_has_all_of_it(service: Service, key: str) -> None:
    claim = service.claims.claim(post(service, RICH, key).id)
    plain = service.claims.claim(post(service, {"to": "me@example.com"}, key).id)
    assert claim is not None
    assert plain is not None
    assert (claim.extras.html, claim.extras.reply_to) == ("<p>There</p>", "you@example.org")
    assert [each.name for each in claim.extras.attachments] == ["grüße.pdf", "notes.txt"]
    assert plain.extras.html is None


def test_a_plain_mail_s_source(service: Service, key: str) -> None:
    message = source(service, post(service, {"to": "me@example.com", "text": "é"}, key).id, key)
    assert message.get_content() == "é\r\n"
    assert message["To"] == "me@example.com"


def test_a_form_has_html_too(service: Service, key: str) -> None:
    form = "to=me@example.com&html=%3Cp%3E&reply_to=you%2Btag@example.org"
    message = source(service, service.public.post_form("/v1/emails", form, {"X-API-Key": key}).id, key)
    assert message.get_content_type() == "text/html"
    assert message["Reply-To"] == "you+tag@example.org"


@pytest.mark.parametrize(
    ("field", "value", "status", "about"),
    [
        ("html", 1, 422, "html"),
        ("html", "a\0b", 422, "html"),
        ("html", "a\ud800b", 422, "html"),
        ("reply_to", "", 422, "reply_to"),
        ("reply_to", "you", 422, "reply_to"),
        ("reply_to", "a@example.org, b@example.org", 422, "reply_to"),
        ("reply_to", "you@example.org\r\nBcc: x@example.org", 422, "reply_to"),
        ("reply_to", "=?utf-8?q?a=0d=0aBcc=3a_x?=@example.org", 422, "reply_to"),
        ("reply_to", "You <you@example.org>", 422, "reply_to"),
        ("attachments", {}, 422, "attachments"),
        ("attachments", "", 422, "attachments"),
        ("attachments", [PDF] * (MOST_ATTACHMENTS + 1), 422, "attachments"),
        ("attachments", [None], 422, "attachments[0]"),
        ("attachments", [PDF, {**PDF, "path": "/etc/passwd"}], 400, "attachments[1]"),
        ("attachments", [{"content": ""}], 422, "attachments[0].name"),
        ("attachments", [{"name": "a"}], 422, "attachments[0].content"),
    ],
)
def test_what_is_wrong_is_refused_with_the_field(
    service: Service, key: str, field: str, value: object, status: int, about: str
) -> None:
    answer = post(service, {**RICH, field: value}, key)
    assert (answer.status, answer.json["field"]) == (status, about)
    assert service.mails == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a\r\nBcc: x@example.org",
        "a\nb",
        "a\0b",
        "a\x85b",
        "a\u2028b",
        "a\u202egpj.exe",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        ".",
        "..",
        " a",
        "a ",
        "=?utf-8?q?a?=",
        "a\ud800b",
        "x" * (MOST_NAME + 1),
        1,
        None,
    ],
)
def test_a_file_s_name_that_could_do_harm_is_refused(service: Service, key: str, name: object) -> None:
    answer = post(service, {**RICH, "attachments": [{**PDF, "name": name}]}, key)
    assert (answer.status, answer.json["field"]) == (422, "attachments[0].name")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "pdf",
        "application/",
        "a/b/c",
        "text/plain; charset=x",
        "text/plain\r\nX: y",
        "multipart/mixed",
        "Message/RFC822",
        "é/x",
        "a" * 65 + "/b",
        1,
        None,
    ],
)
def test_a_type_that_is_none_or_of_many_parts_is_refused(service: Service, key: str, given: object) -> None:
    answer = post(service, {**RICH, "attachments": [{**PDF, "type": given}]}, key)
    assert (answer.status, answer.json["field"]) == (422, "attachments[0].type")


@pytest.mark.parametrize("content", ["a", "aGk", "a Gk=", "aGk=\n", "aGk_", "é", "aGk=aGk=", 1, None, []])
def test_what_is_not_base64_is_refused(service: Service, key: str, content: object) -> None:
    answer = post(service, {**RICH, "attachments": [{**PDF, "content": content}]}, key)
    assert (answer.status, answer.json["field"]) == (422, "attachments[0].content")


@pytest.mark.parametrize("field", ["html", "reply_to", "attachments"])
def test_strangers_have_none_of_it(service: Service, field: str) -> None:
    answer = service.public.post_json("/v1/emails", {"to": "me@example.com", field: RICH[field]})
    assert answer.status == 401
    assert service.mails == []


def test_an_idempotency_key_covers_all_of_it(service: Service, key: str) -> None:
    first = post(service, RICH, key, Idempotency_Key="one")
    assert post(service, RICH, key, Idempotency_Key="one").id == first.id
    changed = [{**PDF, "content": "aGk="}, {**PDF, "name": "b"}, {**PDF, "type": "a/b"}]
    for other in (
        {**RICH, "html": "<p>Where</p>"},
        {**RICH, "reply_to": "her@example.org"},
        *({**RICH, "attachments": [each]} for each in changed),
        {name: value for name, value in RICH.items() if name != "html"},
        {"to": RICH["to"], "subject": RICH["subject"], "text": RICH["text"]},
    ):
        assert post(service, other, key, Idempotency_Key="one").status == 422
    assert len(service.mails) == 1


def test_a_mail_that_is_sent_again_has_all_of_it_and_is_another_one(service: Service, key: str) -> None:
    first = post(service, RICH, key).id
    service.bring_into(first, State.FAILED)
    answer = service.public.request("POST", f"/v1/emails/{first}/resend", headers={"X-API-Key": key, **JSON})
    assert (answer.status, answer.json["state"]) == (202, "queued")
    assert answer.id != first
    assert service.publisher.ids[-1] == answer.id
    again = source(service, answer.id, key)
    assert files(again) == files(source(service, first, key))
    assert again["Message-ID"] != source(service, first, key)["Message-ID"]


def test_who_sends_again_is_bound_by_their_key(service: Service, key: str) -> None:
    real = post(service, {"to": "me@example.com", "text": "x"}, key).id
    few, ci = service.keys.add("few", recipients=["@example.org"]), service.keys.add("ci", test=True)
    tested = post(service, {"to": "me@example.com", "text": "x"}, ci).id
    for mail_id, other, allowed in ((real, few, False), (real, ci, False), (tested, ci, True), (tested, key, True)):
        headers = {"X-API-Key": other}
        answer = service.public.request("POST", f"/v1/emails/{mail_id}/resend", headers=headers)
        assert answer.status == (202 if allowed else 403)
        assert service.public.get(f"/v1/emails/{mail_id}/source", headers).status == (200 if allowed else 403)
    # What was a test stays one.
    assert [mail.test for mail in service.mails].count(True) == 3


def test_where_mail_may_go_binds_what_is_sent_again(make_service: MakeService) -> None:
    before = make_service()
    key = before.keys.add("test")
    mail_id = post(before, {"to": "me@example.com", "text": "x"}, key).id
    narrowed = make_service(ALLOWED_RECIPIENTS="@example.org")
    answer = narrowed.public.request("POST", f"/v1/emails/{mail_id}/resend", headers={"X-API-Key": key})
    assert (answer.status, len(narrowed.mails)) == (403, 1)


def test_strangers_see_no_source_and_send_nothing_again(service: Service, key: str) -> None:
    mail_id = post(service, RICH, key).id
    assert service.public.request("POST", f"/v1/emails/{mail_id}/resend").status == 401
    assert service.public.get(f"/v1/emails/{mail_id}/source").status == 401
    assert len(service.mails) == 1


def test_an_idempotency_key_makes_one_mail_of_sending_again_twice(service: Service, key: str) -> None:
    first = post(service, RICH, key).id
    headers = {"X-API-Key": key, "Idempotency-Key": "one"}
    ids = {service.public.request("POST", f"/v1/emails/{first}/resend", headers=headers).id for _ in range(3)}
    assert len(ids) == 1
    assert len(service.mails) == 2


def test_it_is_removed_with_the_mail(service: Service, key: str) -> None:
    service.bring_into(post(service, RICH, key).id, State.SENT)
    service.clock.pass_s(3600)
    assert Retention(service.database, 60, service.clock).prune()
    with connected(service.database_path) as connection:
        for table in ("mails", "extras", "attachments", "attempts"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
