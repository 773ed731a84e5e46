"""Both forms of every reply: one line of text, or JSON."""

import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import errors
from messaging.errors import RequestError
from messaging.replies import Answer, Reply, render, render_error
from tests.messaging.wsgi import request

_TEXT = request()
_JSON = request(headers={"Accept": "application/json"})

_ERRORS: list[RequestError] = [
    errors.BadRequestError("the parameters are not UTF-8"),
    errors.UnauthorizedError("this key is not known here"),
    errors.ForbiddenError("mail to this address is not allowed here", field="to"),
    errors.NotFoundError("there is nothing here"),
    errors.MethodNotAllowedError("GET, HEAD"),
    errors.TooLargeError("a body has at most 1024 bytes"),
    errors.UnsupportedTypeError("the body must be application/json"),
    errors.InvalidError("an address is missing", field="to"),
    errors.UnavailableError("the outbox is not available; no mail was accepted"),
    errors.InternalError("a bug of ours"),
    errors.ServerRefusalError(431, "the header is too large"),
]

_CASES = list(zip(_ERRORS, [400, 401, 403, 404, 405, 413, 415, 422, 503, 500, 431], strict=True))


def _header(reply: Reply, name: str) -> str:
    (value,) = (value for each, value in reply.headers if each == name)
    return value


def test_an_answer_is_one_line_by_default() -> None:
    reply = render(_TEXT, Answer(HTTPStatus.ACCEPTED, "accepted é", {"id": "1"}, [("Location", "/v1/emails/1")]))
    assert reply.status == "202 Accepted"
    assert reply.body == "accepted é\n".encode()
    assert _header(reply, "Content-Type") == "text/plain; charset=utf-8"
    assert _header(reply, "Location") == "/v1/emails/1"


def test_an_answer_is_json_for_who_asks_for_it() -> None:
    reply = render(
        _JSON, Answer(HTTPStatus.ACCEPTED, "accepted", {"to": "é", "n": None}, [("Location", "/v1/emails/1")])
    )
    assert reply.status == "202 Accepted"
    assert reply.body == '{"to":"é","n":null}\n'.encode()
    assert _header(reply, "Content-Type") == "application/json"
    assert _header(reply, "Location") == "/v1/emails/1"


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(("error", "status"), _CASES)
def test_every_reply_has_its_length_its_id_and_is_not_kept(error: RequestError, status: int, as_json: bool) -> None:
    answer = Answer(HTTPStatus.OK, "é", {"a": "é"})
    for reply in (render_error("request-1", error, as_json=as_json), render(_JSON if as_json else _TEXT, answer)):
        assert _header(reply, "Content-Length") == str(len(reply.body))
        assert _header(reply, "X-Request-ID") == "request-1"
        assert _header(reply, "Cache-Control") == "no-store"
        assert _header(reply, "X-Content-Type-Options") == "nosniff"
        assert len({name for name, _ in reply.headers}) == len(reply.headers)


@pytest.mark.parametrize(("error", "status"), _CASES)
def test_an_error_in_json_is_a_problem_of_rfc_9457(error: RequestError, status: int) -> None:
    reply = render_error("request-1", error, as_json=True)
    assert _header(reply, "Content-Type") == "application/problem+json"
    assert reply.status == f"{status} {HTTPStatus(status).phrase}"
    assert reply.body.endswith(b"\n")
    assert json.loads(reply.body) == {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.detail,
        **({"field": error.field} if error.field else {}),
        "request_id": "request-1",
    }


@pytest.mark.parametrize(("error", "status"), _CASES)
def test_an_error_in_text_is_one_line_with_the_field_and_the_reason(error: RequestError, status: int) -> None:
    reply = render_error("request-1", error, as_json=False)
    assert _header(reply, "Content-Type") == "text/plain; charset=utf-8"
    assert reply.status == f"{status} {HTTPStatus(status).phrase}"
    assert reply.body.decode() == f"error: {error}\n"
    assert str(error) == (f"{error.field}: {error.detail}" if error.field else error.detail)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_statuses_that_ask_for_a_header_field_have_it(as_json: bool) -> None:
    replies = {error.status.value: render_error("id", error, as_json=as_json) for error in _ERRORS}
    assert _header(replies[405], "Allow") == "GET, HEAD"
    assert _header(replies[503], "Retry-After") == "5"
    assert _header(replies[401], "WWW-Authenticate").startswith("Bearer ")


@given(st.text(), st.text())
def test_a_text_reply_is_always_exactly_one_line(line: str, detail: str) -> None:
    for reply in (
        render(_TEXT, Answer(HTTPStatus.OK, line, {})),
        render_error("request-1", errors.InvalidError(detail, field="to"), as_json=False),
    ):
        assert reply.body.endswith(b"\n")
        assert len(reply.body.decode().splitlines()) == 1
