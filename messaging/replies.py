"""Replies: one line of text, or JSON for who asks for it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final

from config.values import is_one_line
from messaging.errors import RequestError
from messaging.request import Request

Headers = list[tuple[str, str]]

_STATUS_LINES: Final = {status: f"{status.value} {status.phrase}" for status in HTTPStatus}

_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")
_JSON: Final = ("Content-Type", "application/json")
_PROBLEM: Final = ("Content-Type", "application/problem+json")

#: What a reply without content has none of.
_OF_CONTENT: Final = ("Content-Type", "Content-Length")

#: On every reply: nothing of ours may be kept by a cache, taken for another type or found by a search, and an address
#: or a key in a URL must not be told to the next site.
_ALWAYS: Final = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex"),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished answer."""

    status: str
    headers: Headers
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What an endpoint has to say, in both forms; one that is always the same is made once, and rendered once."""

    status: HTTPStatus
    #: For people: one line, without its end.
    line: str = field(repr=False)
    #: For programs.
    document: Mapping[str, Any] = field(repr=False)
    headers: Headers = field(default_factory=list)

    @cached_property
    def as_text(self) -> bytes:
        return _one_line(self.line)

    @cached_property
    def as_json(self) -> bytes:
        return _dump(self.document)


def render(request: Request, answer: Answer | Reply) -> Reply:
    """Put an answer into the form that the request asked for; a finished reply stays as it is."""
    if isinstance(answer, Reply):
        return answer
    if request.wants_json:
        return _reply(request.id, answer.status, _JSON, answer.as_json, answer.headers)
    return _reply(request.id, answer.status, _TEXT, answer.as_text, answer.headers)


def content(request: Request, content_type: str, body: bytes) -> Reply:
    """Make a reply whose content has one form, whatever was asked for."""
    return _reply(request.id, HTTPStatus.OK, ("Content-Type", content_type), body, [])


def kept(reply: Reply, how: str) -> Reply:
    """Let caches keep a reply.

    Args:
        reply: what they are told not to keep so far.
        how: `Cache-Control`.
    """
    headers = [(name, how if name == "Cache-Control" else value) for name, value in reply.headers]
    return Reply(reply.status, headers, reply.body)


def not_modified(reply: Reply) -> Reply:
    """Make a reply that says that the client has what it asks for already.

    Args:
        reply: what it would get otherwise.
    """
    # RFC 9110, section 15.4.5: a 304 has the header fields that a 200 would have had, as far as caches need them.
    headers = [(name, value) for name, value in reply.headers if name not in _OF_CONTENT]
    return Reply(_STATUS_LINES[HTTPStatus.NOT_MODIFIED], headers, b"")


def render_error(request_id: str, error: RequestError, *, as_json: bool) -> Reply:
    """Put an error into the form that the request asked for; JSON follows RFC 9457."""
    if not as_json:
        return _reply(request_id, error.status, _TEXT, _one_line(f"error: {error}"), error.headers())
    problem = {
        "type": "about:blank",
        "title": error.status.phrase,
        "status": error.status.value,
        "detail": error.detail,
        **({"field": error.field} if error.field else {}),
        **error.members(),
        "request_id": request_id,
    }
    return _reply(request_id, error.status, _PROBLEM, _dump(problem), error.headers())


def _reply(request_id: str, status: HTTPStatus, content_type: tuple[str, str], body: bytes, headers: Headers) -> Reply:
    if status is HTTPStatus.NO_CONTENT:
        # RFC 9110, section 8.6: no Content-Length in a 204.
        return Reply(_STATUS_LINES[status], [("X-Request-ID", request_id), *_ALWAYS, *headers], b"")
    always = [content_type, ("Content-Length", str(len(body))), ("X-Request-ID", request_id), *_ALWAYS]
    return Reply(_STATUS_LINES[status], always + headers, body)


def _one_line(text: str) -> bytes:
    # Words that came from elsewhere, such as a relay's, must not make two lines of one.
    line = text if is_one_line(text) else "".join(each if is_one_line(each) else " " for each in text)
    return f"{line}\n".encode()


def _dump(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
