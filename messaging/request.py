"""One HTTP request, read out of the WSGI environ (PEP 3333)."""

import random
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Final

from messaging.errors import BadRequestError, TooLargeError, UnsupportedTypeError
from messaging.fields import parse_form, parse_json, parse_json_list
from messaging.multipart_form import parse_multipart

Environ = dict[str, Any]

FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"

#: An id that a proxy gave the request; anything else is replaced, since it is written to logs.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)

_PROBLEM: Final = "application/problem+json"

#: RFC 9110, section 12.4.2: how much a choice is wanted, from 0, "not acceptable", to 1, which is where none is given.
_WEIGHT = re.compile(r"\bq\s*=\s*([01](?:\.\d*)?)\s*(?:;|$)")

_LENGTH = re.compile(r"\d{1,18}", re.ASCII)


@dataclass
class Request:
    """What an endpoint may want to know; bodies and parameters are parsed when they are asked for."""

    #: Holds keys and addresses, in parameters and in header fields.
    environ: Environ = field(repr=False)
    #: Names this request in logs and in `X-Request-ID`.
    id: str
    method: str
    #: Somebody may have forgotten the question mark.
    path: str = field(repr=False)
    #: A larger body is refused.
    max_body_bytes: int
    #: The part of the path that the route leaves open, such as an id; known once the route is.
    argument: str = field(default="", repr=False)

    def query(self, addresses: Collection[str] = ()) -> dict[str, str]:
        """Parse the query string; see `parse_form`."""
        encoded = self.environ.get("QUERY_STRING", "")
        return parse_form(encoded, addresses) if encoded else {}

    def form(self, addresses: Collection[str] = ()) -> dict[str, str]:
        """Parse the body as a form; none is an empty form.

        Raises:
            UnsupportedTypeError: if the body is something else.
        """
        if self._content_type not in ("", FORM):
            raise UnsupportedTypeError(f"the body must be {FORM}")
        return parse_form(self._body.decode("latin-1"), addresses) if self._body else {}

    def json(self) -> dict[str, Any]:
        """Parse the body as one JSON object.

        Raises:
            UnsupportedTypeError: if it does not say that it is JSON.
        """
        return parse_json(self._json_body)

    def json_list(self) -> dict[str, Any] | list[Any]:
        """Parse the body as one JSON object, or a list; as `json` otherwise."""
        return parse_json_list(self._json_body)

    @property
    def has_json(self) -> bool:
        return self._content_type == JSON

    @property
    def has_form(self) -> bool:
        return self._content_type == FORM

    @property
    def has_multipart(self) -> bool:
        return self._content_type == MULTIPART

    def multipart(self, files: str) -> dict[str, Any]:
        """Parse the body as a form with files in one of its fields; see `parse_multipart`."""
        return parse_multipart(self._body, self.environ["CONTENT_TYPE"], files)

    def header(self, name: str) -> str | None:
        value: str | None = self.environ.get(_environ_name(name))
        return value

    @cached_property
    def wants_json(self) -> bool:
        return wants_json(self.environ.get("HTTP_ACCEPT", ""), self.environ.get("CONTENT_TYPE", ""))

    @property
    def wants_page(self) -> bool:
        """Whether a browser asks for something to look at: programs do not ask for HTML."""
        accept = self.header("Accept") or ""
        return not self.wants_json and any(media_type(choice) == "text/html" for choice in accept.split(","))

    @cached_property
    def _content_type(self) -> str:
        return media_type(self.environ.get("CONTENT_TYPE", ""))

    @property
    def _json_body(self) -> bytes:
        if self._content_type != JSON:
            raise UnsupportedTypeError(f"the body must be {JSON}")
        return self._body

    @cached_property
    def _body(self) -> bytes:
        stated = self.environ.get("CONTENT_LENGTH") or "0"
        if not _LENGTH.fullmatch(stated):
            raise BadRequestError("Content-Length must be a number")
        length = int(stated)
        if length > self.max_body_bytes:
            raise TooLargeError(f"a body has at most {self.max_body_bytes} bytes")
        body: bytes = self.environ["wsgi.input"].read(length)
        return body


@cache
def _environ_name(name: str) -> str:
    """The name of a header field in the environ; only names of ours are asked for, so that they can all be kept."""
    return "HTTP_" + name.upper().replace("-", "_")


def request_id(environ: Environ) -> str:
    """Take the id that a proxy gave the request, or make one."""
    given = environ.get("HTTP_X_REQUEST_ID", "")
    # Nobody gains by guessing one.
    return given if _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"


def wants_json(accept: str, content_type: str) -> bool:
    """Whether to answer in JSON: wanted no less than plain text (RFC 9110, section 12.5.1), or the request was."""
    if media_type(content_type) == JSON:
        return True
    json = other = 0.0
    for choice in accept.lower().split(","):
        name, _, parameters = choice.partition(";")
        weight = _WEIGHT.search(parameters)
        wanted = float(weight[1]) if weight else 1.0
        if name.strip() in (JSON, _PROBLEM):
            json = max(json, wanted)
        elif name.strip() in ("text/plain", "text/*", "*/*"):
            other = max(other, wanted)
    return json > 0 and json >= other


def media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()
