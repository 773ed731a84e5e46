"""A request, read out of the environ: its id, its body, and the form of the answer that it wants."""

import re
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.errors import BadRequestError, TooLargeError, UnsupportedTypeError
from messaging.request import FORM, JSON, Request, request_id
from tests.messaging.wsgi import LIMIT, environ, request


@pytest.mark.parametrize("given", ["12345678", "a-request_id.1", "A" * 64, "0190a000-0000-7000-8000-000000000000"])
def test_the_id_of_a_proxy_is_kept(given: str) -> None:
    assert request_id(environ(headers={"X-Request-ID": given})) == given


@pytest.mark.parametrize(
    "given", ["", "1234567", "A" * 65, "1234 5678", "12345678\n", "12345678;", "<12345678>", "é2345678", "١٢٣٤٥٦٧٨"]
)
def test_any_other_id_is_replaced(given: str) -> None:
    made = request_id(environ(headers={"X-Request-ID": given}))
    assert made != given
    assert request_id(environ(headers={"X-Request-ID": made})) == made


@given(st.text() | st.from_regex(r"[A-Za-z0-9._-]{0,70}\n?"))
def test_whatever_a_proxy_says_the_id_can_stand_in_a_log(given: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", request_id(environ(headers={"X-Request-ID": given})))


def test_a_request_without_an_id_gets_one_of_its_own() -> None:
    assert len({request_id(environ()) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "accept", ["application/json", "Application/JSON", "text/html, application/json;q=0.9", "application/problem+json"]
)
def test_who_accepts_json_gets_it(accept: str) -> None:
    assert request(headers={"Accept": accept}).wants_json


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", " application/json ;x"]
)
def test_who_sends_json_gets_it(content_type: str) -> None:
    assert request(content_type=content_type).wants_json


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/plain", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]
)
def test_everybody_else_gets_text(accept: str) -> None:
    assert not request(headers={"Accept": accept} if accept else None, content_type=FORM).wants_json


def test_a_query_string_may_be_missing() -> None:
    assert request().query() == {}
    assert Request({}, "id", "GET", "/", LIMIT).query() == {}
    assert request(query="sendmail=a+b&text=a+b").query(("sendmail",)) == {"sendmail": "a+b", "text": "a b"}


@pytest.mark.parametrize("content_type", [FORM, f"{FORM}; charset=UTF-8", FORM.upper(), ""])
def test_a_body_is_a_form_unless_it_says_otherwise(content_type: str) -> None:
    sent = request(body=b"to=a+b&text=a+%C3%A9", content_type=content_type)
    assert sent.form(("to",)) == {"to": "a+b", "text": "a é"}
    assert sent.has_form is bool(content_type)


def test_no_body_is_an_empty_form() -> None:
    assert request().form() == {}
    assert request(content_type=FORM).form() == {}


@pytest.mark.parametrize("content_type", [JSON, "text/plain", "multipart/form-data; boundary=x", f"{FORM}x"])
def test_another_body_is_not_a_form(content_type: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=f"^the body must be {FORM}$"):
        request(body=b"a=b", content_type=content_type).form()


def test_a_body_that_says_so_is_json() -> None:
    sent = request(body='{"text": "é"}'.encode(), content_type="application/json; charset=utf-8")
    assert sent.json() == {"text": "é"}
    assert not sent.has_form


@pytest.mark.parametrize(
    "content_type", ["", FORM, "text/plain", "text/json", "application/jsonx", "application/problem+json"]
)
def test_another_body_is_not_json(content_type: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=f"^the body must be {JSON}$"):
        request(body=b"{}", content_type=content_type).json()


def test_no_body_is_not_json() -> None:
    with pytest.raises(BadRequestError, match="the body is not JSON"):
        request(content_type=JSON).json()


def test_a_body_may_be_as_large_as_the_limit_and_no_larger() -> None:
    assert request(body=b"a=" + b"x" * (LIMIT - 2)).form() == {"a": "x" * (LIMIT - 2)}
    with pytest.raises(TooLargeError, match=r"^a body has at most 1024 bytes$"):
        request(body=b"a=" + b"x" * (LIMIT - 1)).form()


def test_nothing_of_a_body_that_is_too_large_is_read() -> None:
    environment = environ(body=b"x" * (LIMIT + 1))
    with pytest.raises(TooLargeError):
        Request(environment, "id", "POST", "/", LIMIT).form()
    assert environment["wsgi.input"].tell() == 0


def test_no_more_of_a_body_is_read_than_it_says() -> None:
    environment = {"CONTENT_LENGTH": "3", "wsgi.input": BytesIO(b"a=b&c=d")}
    assert Request(environment, "id", "POST", "/", LIMIT).form() == {"a": "b"}


@pytest.mark.parametrize("length", ["many", "1.5", "0x10", "-1"])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    with pytest.raises(BadRequestError, match=r"^Content-Length must be a number$"):
        Request({"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"a=b")}, "id", "POST", "/", LIMIT).form()


def test_a_body_can_be_asked_for_again() -> None:
    sent = request(body=b"a=b")
    assert sent.form() == sent.form() == {"a": "b"}


def test_header_fields_are_found_by_their_names() -> None:
    sent = request(headers={"X-API-Key": "msg_x"})
    assert sent.header("X-API-Key") == sent.header("x-api-key") == "msg_x"
    assert sent.header("Authorization") is None


def test_an_empty_header_field_is_not_one_that_is_missing() -> None:
    assert request(headers={"X-API-Key": ""}).header("X-API-Key") == ""
