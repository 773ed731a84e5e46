"""`/` and `/action`: `?sendmail` and `?talktome`, by GET and by form, with and without a key."""

from datetime import datetime
from pathlib import Path

import pytest

from messaging.outbox.states import State
from tests.fixtures.client import FORM, JSON, Answer
from tests.fixtures.service import MakeService, Service

PATHS = ["/", "/action"]


def send(service: Service, method: str, path: str, parameters: str, headers: dict[str, str] | None = None) -> Answer:
    """The same parameters in the query of a GET or in the form of a POST."""
    if method == "GET":
        return service.public.get(f"{path}?{parameters}", headers)
    return service.public.post_form(path, parameters, headers)


either_way = pytest.mark.parametrize("method", ["GET", "POST"])
either_path = pytest.mark.parametrize("path", PATHS)


@either_way
@either_path
def test_sendmail_is_answered_with_202_and_one_line(service: Service, method: str, path: str) -> None:
    answer = send(service, method, path, "sendmail=me@example.com")
    (mail,) = service.mails
    assert answer.status == 202
    assert answer.headers["Location"] == f"/v1/emails/{mail.id}"
    assert answer.text == f"accepted for me@example.com, status: /v1/emails/{mail.id}"
    assert (mail.state, mail.recipient, mail.sender) == (State.QUEUED, "me@example.com", "alerts@example.org")
    assert (mail.subject, mail.text) == ("A greeting", "The operator's words.")


@either_way
@either_path
def test_sendmail_is_answered_in_json_for_who_asks(service: Service, method: str, path: str) -> None:
    answer = send(service, method, path, "sendmail=me@example.com", JSON)
    (mail,) = service.mails
    assert (answer.status, answer.id) == (202, mail.id)
    assert answer.json == {
        "id": mail.id,
        "state": "queued",
        "to": "me@example.com",
        "created_at": "2026-03-01T12:00:00.000Z",
        "status_url": f"/v1/emails/{mail.id}",
    }


@pytest.mark.parametrize("accept", ["application/json", "application/problem+json, */*", "text/html, Application/JSON"])
def test_json_is_whatever_names_it(service: Service, accept: str) -> None:
    assert service.public.get("/?talktome", {"Accept": accept}).json


@pytest.mark.parametrize("accept", ["", "*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "text/plain"])
def test_everything_else_is_text(service: Service, accept: str) -> None:
    assert service.public.get("/?talktome", {"Accept": accept}).text


def test_a_mail_is_stored_before_anybody_is_told(service: Service) -> None:
    answer = service.public.get("/?sendmail=me@example.com")
    assert service.publisher.ids == [answer.id]
    assert service.publisher.seen == [("me@example.com", "A greeting", "The operator's words.")]


@either_way
@pytest.mark.parametrize("address", ["me+tag@example.com", "me%2Btag@example.com"])
def test_a_plus_in_an_address_is_a_plus(service: Service, method: str, address: str) -> None:
    assert send(service, method, "/", f"sendmail={address}").status == 202
    assert service.mails[0].recipient == "me+tag@example.com"


@either_way
def test_a_plus_elsewhere_is_a_space(service: Service, key: str, method: str) -> None:
    words = "subject=Disk+full&text=1+%2B+1"
    assert send(service, method, "/", f"{words}&sendmail=me+tag@example.com", {"X-API-Key": key}).status == 202
    (mail,) = service.mails
    assert (mail.recipient, mail.subject, mail.text) == ("me+tag@example.com", "Disk full", "1 + 1")


@either_way
def test_what_is_not_ascii_arrives(service: Service, key: str, method: str) -> None:
    answer = send(service, method, "/", "sendmail=me@b%C3%BCcher.example&subject=Gr%C3%BC%C3%9Fe", {"X-API-Key": key})
    assert answer.status == 202
    assert (service.mails[0].recipient, service.mails[0].subject) == ("me@xn--bcher-kva.example", "Grüße")


def given(how: str, key: str) -> tuple[str, dict[str, str]]:
    """A key as a parameter, or as a header field."""
    return {
        "bearer": ("", {"Authorization": f"Bearer {key}"}),
        "bearer in any case": ("", {"Authorization": f"bEARER {key}"}),
        "header": ("", {"X-API-Key": key}),
        "parameter": (f"&key={key}", {}),
    }[how]


any_key = pytest.mark.parametrize("how", ["bearer", "bearer in any case", "header", "parameter"])


@either_way
@any_key
def test_with_a_key_the_words_are_ones_own(service: Service, key: str, method: str, how: str) -> None:
    parameter, headers = given(how, key)
    answer = send(service, method, "/", "sendmail=me@example.com&subject=Hi&text=There" + parameter, headers)
    assert answer.status == 202
    assert (service.mails[0].subject, service.mails[0].text) == ("Hi", "There")
    assert key not in answer.body.decode()


@either_way
@any_key
@pytest.mark.parametrize("words", ["", "&subject=Hi&text=There"])
def test_an_empty_key_is_a_wrong_one(service: Service, method: str, how: str, words: str) -> None:
    parameter, headers = given(how, "")
    answer = send(service, method, "/", f"sendmail=me@example.com{words}{parameter}", headers)
    assert (answer.status, answer.text) == (401, "error: this key is not known here")
    assert service.mails == []


@either_way
@any_key
@pytest.mark.parametrize("words", ["", "&subject=Hi&text=There"])
def test_a_wrong_key_is_no_key_at_all(service: Service, key: str, method: str, how: str, words: str) -> None:
    parameter, headers = given(how, key[:-1])
    answer = send(service, method, "/", f"sendmail=me@example.com{words}{parameter}", headers | JSON)
    assert answer.status == 401
    assert answer.json["detail"] == "this key is not known here"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="messaging"'
    assert service.mails == []


@either_way
@any_key
@pytest.mark.parametrize("wrong", ["", "nonsense", "msg_nonsense"])
def test_a_wrong_key_is_wrong_beside_talktome_too_and_nothing_is_logged(
    service: Service, method: str, how: str, wrong: str
) -> None:
    parameter, headers = given(how, wrong)
    answer = send(service, method, "/", f"talktome{parameter}", headers)
    assert (answer.status, answer.text) == (401, "error: this key is not known here")
    assert service.log_lines == []


@either_way
@any_key
def test_with_a_key_the_time_is_logged_whether_the_database_is_there_or_not(
    service: Service, key: str, method: str, how: str
) -> None:
    parameter, headers = given(how, key)
    assert send(service, method, "/", f"talktome{parameter}", headers).status == 200
    parameter, headers = given(how, "nobody-can-tell-now")
    with service.without_database():
        assert send(service, method, "/", f"talktome{parameter}", headers).status == 200
    assert len(service.log_lines) == 2


@pytest.mark.parametrize("target", ["/?sendmail=me@example.com", "/?talktome"])
def test_a_key_that_stands_where_none_is_looked_for_is_a_wrong_one(service: Service, key: str, target: str) -> None:
    answer = service.public.get(target, {"Authorization": key})
    assert (answer.status, answer.text) == (401, "error: a key in Authorization goes behind the word Bearer")
    assert (service.mails, service.log_lines) == ([], [])


@either_way
@pytest.mark.parametrize("words", ["subject=Hi", "text=There", "subject=Hi&text=There", "subject=", "text="])
def test_without_a_key_there_are_no_words_of_ones_own(service: Service, method: str, words: str) -> None:
    answer = send(service, method, "/", f"sendmail=me@example.com&{words}")
    assert answer.status == 401
    assert "needs a key" in answer.text
    assert service.mails == []


def test_a_scheme_that_is_not_ours_is_no_key(service: Service) -> None:
    answer = service.public.get("/?sendmail=me@example.com", {"Authorization": "Basic bWU6c2VjcmV0"})
    assert answer.status == 202


def test_with_a_key_and_half_the_words_the_other_half_is_plain(service: Service, key: str) -> None:
    for words in ("subject=Hi", "text=There"):
        service.public.get(f"/?sendmail=me@example.com&{words}", {"X-API-Key": key})
    words_of = {(mail.subject, mail.text) for mail in service.mails}
    assert words_of == {("Hi", ""), ("A greeting", "There")}


def test_with_a_key_and_no_words_the_greeting_is_sent(service: Service, key: str) -> None:
    assert service.public.get("/?sendmail=me@example.com", {"X-API-Key": key}).status == 202
    assert service.mails[0].subject == "A greeting"


@either_way
def test_the_operator_can_ask_for_a_key_for_everything(make_service: MakeService, method: str) -> None:
    service = make_service(OPEN_SENDMAIL="false")
    refused = send(service, method, "/", "sendmail=me@example.com")
    assert (refused.status, refused.text) == (401, "error: sending needs a key here")
    assert service.mails == []
    key = service.keys.add("test")
    assert send(service, method, "/", "sendmail=me@example.com", {"X-API-Key": key}).status == 202
    assert service.public.get("/?talktome").status == 200


@pytest.mark.parametrize("address", ["me@example.com", "ME@EXAMPLE.COM", "anybody@example.org", "x@EXAMPLE.ORG"])
def test_mail_goes_where_the_operator_lets_it_go(make_service: MakeService, address: str) -> None:
    service = make_service(ALLOWED_RECIPIENTS="me@example.com, @Example.org")
    assert service.public.get(f"/?sendmail={address}").status == 202


@pytest.mark.parametrize("address", ["you@example.com", "me@example.com.evil.example", "me@sub.example.org"])
def test_mail_goes_nowhere_else_not_even_with_a_key(make_service: MakeService, address: str) -> None:
    service = make_service(ALLOWED_RECIPIENTS="me@example.com, @Example.org")
    key = service.keys.add("test")
    for headers in ({}, {"X-API-Key": key}):
        answer = service.public.get(f"/?sendmail={address}", headers | JSON)
        assert answer.status == 403
        assert answer.json["field"] == "sendmail"
    assert service.mails == []


@either_way
@either_path
@pytest.mark.parametrize("parameter", ["talktome", "talktome=", "talktome=1", "talktome=%0A%0Dforged"])
def test_talktome_logs_the_time_of_the_request(service: Service, method: str, path: str, parameter: str) -> None:
    answer = send(service, method, path, parameter)
    assert answer.status == 200
    logged, time = answer.text.split(" ")
    assert logged == "logged"
    assert abs((datetime.fromisoformat(time) - datetime.now().astimezone()).total_seconds()) < 10
    assert service.log_lines == [f"{time} talktome {answer.headers['X-Request-ID']}"]
    assert service.mails == []


def test_talktome_in_json(service: Service) -> None:
    answer = service.public.get("/?talktome", JSON)
    (line,) = service.log_lines
    assert answer.json == {"logged_at": line.split(" ")[0]}


@either_way
@either_path
def test_one_request_can_do_both(service: Service, method: str, path: str) -> None:
    answer = send(service, method, path, "sendmail=me@example.com&talktome")
    (mail,), (line,) = service.mails, service.log_lines
    assert (answer.status, answer.id) == (202, mail.id)
    time = line.split(" ")[0]
    assert answer.text == f"logged {time}; accepted for me@example.com, status: /v1/emails/{mail.id}"
    service.clock.pass_s(service.settings.repeat_window_s)
    assert send(service, method, path, "talktome&sendmail=me@example.com", JSON).json.keys() == {
        "logged_at",
        "id",
        "state",
        "to",
        "created_at",
        "status_url",
    }


def test_a_query_and_a_form_go_together(service: Service) -> None:
    answer = service.public.post_form("/?talktome", "sendmail=me@example.com")
    assert answer.status == 202
    assert len(service.log_lines) == len(service.mails) == 1


@either_path
def test_without_parameters_it_says_how_to_use_it(service: Service, path: str) -> None:
    for answer in (service.public.get(path), service.public.post_form(path, "")):
        assert answer.status == 200
        assert "/?sendmail=ADDRESS" in answer.text
    assert service.public.get(path, JSON).json.keys() == {"usage"}


@either_path
def test_looking_does_nothing(service: Service, path: str) -> None:
    answer = service.public.request("HEAD", f"{path}?sendmail=me@example.com&talktome")
    assert answer.status == 200
    assert service.mails == []
    assert service.log_lines == []


@either_way
@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ("sendmail=me@example.com&sendmail=you@example.com", 400),
        ("sendmail=me@example.com&talktome&talktome", 400),
        ("sendmail=me@example.com&cc=you@example.com", 400),
        ("subject=Hi", 400),
        ("key=abc", 400),
        ("sendmail=%ff@example.com", 400),
        ("sendmail=me@example.com%", 400),
        ("&".join(f"talktome{number}" for number in range(21)), 400),
        ("sendmail=", 422),
        ("sendmail=me", 422),
        ("sendmail=me@localhost", 422),
        ("sendmail=me@example.com,you@example.com", 422),
        ("sendmail=me@example.com%0d%0aBcc:you@example.com", 422),
        ("sendmail=%3D%3Futf-8%3Fq%3Fyou%3D40example.org%3F%3D@example.com", 422),
        ("sendmail=%22me%22@example.com", 422),
        ("sendmail=Me%20%3Cme@example.com%3E", 422),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_done(
    service: Service, method: str, parameters: str, status: int
) -> None:
    answer = send(service, method, "/", f"{parameters}&talktome" if status == 422 else parameters)
    assert answer.status == status
    assert answer.text.startswith("error: sendmail: " if status == 422 else "error: ")
    problem = send(service, method, "/", parameters, JSON).json
    named = {
        "sendmail=me@example.com&sendmail=you@example.com": "sendmail",
        "sendmail=me@example.com&talktome&talktome": "talktome",
        "sendmail=me@example.com&cc=you@example.com": "cc",
    }
    assert problem.get("field") == ("sendmail" if status == 422 else named.get(parameters))
    assert service.mails == []
    assert service.log_lines == []


def test_a_parameter_in_the_query_and_in_the_form_is_given_twice(service: Service) -> None:
    answer = service.public.post_form("/?sendmail=me@example.com", "sendmail=me@example.com")
    assert (answer.status, service.mails) == (400, [])


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ("subject=a%0d%0aBcc:you@example.com", "subject"),
        ("subject=%3D%3Futf-8%3Fq%3Fa%3F%3D", "subject"),
        (f"subject={'a' * 501}", "subject"),
        ("text=a%00b", "text"),
    ],
)
def test_words_that_cannot_be_sent_are_refused_with_their_field(
    service: Service, key: str, words: str, field: str
) -> None:
    answer = service.public.get(f"/?sendmail=me@example.com&{words}", JSON | {"X-API-Key": key})
    assert (answer.status, answer.json["field"]) == (422, field)
    assert service.mails == []


@either_path
@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain"])
def test_a_body_of_another_type_is_refused(service: Service, path: str, content_type: str) -> None:
    body = b'{"sendmail": "me@example.com"}'
    answer = service.public.request("POST", path, body, {"Content-Type": content_type, **JSON})
    assert answer.status == 415
    assert FORM in answer.json["detail"]
    assert service.mails == []


def test_a_form_may_name_its_charset(service: Service) -> None:
    headers = {"Content-Type": f"{FORM}; charset=UTF-8"}
    assert service.public.request("POST", "/", b"sendmail=me@example.com", headers).status == 202


def test_a_body_that_is_too_large_is_refused(make_service: MakeService) -> None:
    service = make_service(MAX_BODY_BYTES="1024")
    key = service.keys.add("test")
    form = "sendmail=me@example.com&text="
    fits = form + "x" * (1024 - len(form))
    assert service.public.post_form("/", fits, {"X-API-Key": key}).status == 202
    answer = service.public.post_form("/", fits + "x", {"X-API-Key": key} | JSON)
    assert answer.status == 413
    assert "1024" in answer.json["detail"]
    assert len(service.mails) == 1


@either_way
@pytest.mark.parametrize("words", ["", "&subject=Hi"])
def test_without_the_database_nothing_is_accepted_and_nobody_is_told(
    service: Service, key: str, method: str, words: str
) -> None:
    headers = {"X-API-Key": key} if words else {}
    with service.without_database():
        answer = send(service, method, "/", f"sendmail=me@example.com{words}", headers)
        in_json = send(service, method, "/", f"sendmail=me@example.com{words}", headers | JSON)
    assert answer.status == in_json.status == 503
    assert answer.text == "error: the outbox is not available; no mail was accepted"
    assert in_json.json["detail"] == "the outbox is not available; no mail was accepted"
    assert int(answer.headers["Retry-After"]) > 0
    assert service.publisher.ids == []
    assert service.mails == []


@either_way
def test_talktome_does_not_need_the_database(service: Service, method: str) -> None:
    with service.without_database():
        assert send(service, method, "/", "talktome").status == 200
    assert len(service.log_lines) == 1


def test_a_log_that_cannot_be_written_is_a_503_and_no_mail_is_sent(service: Service) -> None:
    service.log_path.parent.rmdir()
    for parameters in ("talktome", "talktome&sendmail=me@example.com"):
        answer = service.public.get(f"/?{parameters}", JSON)
        assert answer.status == 503
        assert answer.json["detail"] == "the time could not be logged"
        assert int(answer.headers["Retry-After"]) > 0
    assert service.mails == []
    assert service.publisher.ids == []


def test_a_mail_does_not_need_the_log(service: Service) -> None:
    service.log_path.parent.rmdir()
    assert service.public.get("/?sendmail=me@example.com").status == 202


def test_a_full_log_device_is_a_503(make_service: MakeService, tmp_path: Path) -> None:
    assert make_service(TALKTOME_LOG="/dev/full")
    service = make_service()
    service.log_path.symlink_to("/dev/full")
    assert service.public.get("/?talktome").status == 503
