"""The service at a URL: its API over HTTP, with a key."""

import base64
import http.client
import json
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import SplitResult, urlencode, urlsplit

from config.errors import SettingError
from messaging.cli.errors import AwayError, RefusedError
from messaging.cli.service import Deed, Document, Selection, Some
from messaging.outbox.ids import is_id

#: How long an answer may take, in seconds, besides what it is asked to wait: many mails are changed in one request.
_TIMEOUT_S: Final = 60.0

#: Longest wait of a request, in seconds; the service allows 25.
_MOST_WAIT_S: Final = 20.0

#: Wait after an answer that came at once where it was asked to wait, in seconds: too many wait there already.
_PAUSE_S: Final = 0.5

#: Waits before a request is sent again that had no answer, or one of a proxy's whose service is just away, in seconds.
#: One that sends carries the same Idempotency-Key, and makes one mail.
_AGAIN_AFTER_S: Final = (0.5, 2.0)
_AWAY: Final = (502, 503, 504)
_TOO_MANY: Final = 429
_LATER: Final = (_TOO_MANY, *_AWAY)

#: States of a mail to which a deed was done a moment ago.
_DONE_IN: Final[Mapping[Deed, Collection[str]]] = {"cancel": ("canceled",), "retry": ("queued", "sending", "sent")}

#: Bytes of an answer that are read: a list of 200 mails has a tenth of that.
_MOST_ANSWER: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a request was answered with in the end."""

    status: int
    body: bytes = field(repr=False)
    #: What is wrong, if something is and the body does not say what.
    problem: str = field(repr=False)
    #: Whether there were requests before it whose answers were lost.
    repeated: bool


class RemoteService:
    """Asks the service at a URL.

    Args:
        url: what `MESSAGING_URL` says.
        key: an API key of that service.

    Raises:
        SettingError: if the one is no URL, or the other no key.
    """

    def __init__(self, url: str, key: str) -> None:
        self._parts = _split(url)
        self._url = url
        if not key or not key.isascii() or not key.isprintable():
            problem = "cannot be used" if key else "not set, and MESSAGING_URL is"
            raise SettingError("MESSAGING_KEY", problem, "an API key of that service (key add NAME)")
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json",
            "User-Agent": "messaging",
            # An ngrok of the free plan shows a page of its own to whoever may be a browser.
            "ngrok-skip-browser-warning": "1",
        }

    def send(self, mail: Document, key: str = "") -> Document:
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return self._ask("POST", "/v1/emails", body=_in_json(mail), headers=headers)

    def resend(self, mail_id: str) -> Document:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        return self._ask("POST", f"{_path(mail_id)}/resend", body={}, headers=headers)

    def read(self, mail_id: str) -> Document:
        return self._ask("GET", _path(mail_id))

    def wait(self, mail_id: str, timeout_s: float) -> Document:
        wait_s = max(0.0, min(timeout_s, _MOST_WAIT_S))
        began = time.monotonic()
        document = self._ask("GET", f"{_path(mail_id)}?wait={int(wait_s * 1000)}ms")
        if not document.get("final") and time.monotonic() - began < min(wait_s, _PAUSE_S):
            time.sleep(_PAUSE_S)
        return document

    def page(self, selection: Selection, limit: int) -> Document:
        parameters = {**selection.parameters(), "limit": str(limit)}
        return self._ask("GET", f"/v1/emails?{urlencode(parameters)}")

    def overview(self) -> Document:
        return self._ask("GET", "/v1/overview")

    def steer(self, deed: Deed, mail_id: str) -> Document:
        answer = self._answer("POST", f"{_path(mail_id)}/{deed}", body={})
        if answer.status == http.client.CONFLICT and answer.repeated:
            # The request whose answer was lost may have done it.
            mail = self.read(mail_id)
            if mail["state"] in _DONE_IN[deed]:
                return mail
        return _document(answer)

    def count(self, deed: Deed, selection: Selection) -> Document:
        return self._ask("POST", f"/v1/emails/{deed}", body={**selection.parameters(), "dry_run": True})

    def steer_all(self, deed: Deed, some: Some, told: Callable[[int], None]) -> Document:
        after = {} if some.after is None else {"after": some.after}
        body = {**some.selection.parameters(), **after, "limit": some.limit}
        answer = self._answer("POST", f"/v1/emails/{deed}", body=body)
        ends_at = time.monotonic() + _TIMEOUT_S
        while answer.repeated and answer.status == _TOO_MANY and time.monotonic() < ends_at:
            # The request whose answer was lost is still at it.
            time.sleep(_PAUSE_S)
            answer = replace(self._answer("POST", f"/v1/emails/{deed}", body=body), repeated=True)
        document = _document(answer)
        changed = document["changed"]
        if answer.repeated and document["left"] is not None:  # what the one did whose answer was lost counts, too
            changed = max(changed, some.among - document["left"])
        told(changed)
        return {**document, "changed": changed}

    def _ask(
        self, method: str, target: str, body: Document | None = None, headers: Mapping[str, str] | None = None
    ) -> Document:
        return _document(self._answer(method, target, body, headers))

    def _answer(
        self, method: str, target: str, body: Document | None = None, headers: Mapping[str, str] | None = None
    ) -> _Answer:
        data = None if body is None else _encoded(body)
        repeated = False
        for again_after_s in (*_AGAIN_AFTER_S, None):
            try:
                status, answer = self._ask_once(method, target, data, headers or {})
            except (OSError, http.client.HTTPException) as error:
                status, answer = 0, b""
                problem = f"{self._url} does not answer ({str(error) or type(error).__name__})"
            else:
                problem = f"{self._url} answered {status}"
            if again_after_s is None or (status and status not in _AWAY):
                break
            time.sleep(again_after_s)
            repeated = True
        if not status:
            raise AwayError(problem)
        return _Answer(status, answer, problem, repeated)

    def _ask_once(self, method: str, target: str, data: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=_TIMEOUT_S)
        content = {} if data is None else {"Content-Type": "application/json"}
        try:
            path = self._parts.path.rstrip("/") + target
            connection.request(method, path, data, {**self._headers, **headers, **content})
            response = connection.getresponse()
            return response.status, response.read(_MOST_ANSWER)
        finally:
            connection.close()


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username is not None:
        raise SettingError("MESSAGING_URL", "the value cannot be used", "http://… or https://…")
    return parts


def _path(mail_id: str) -> str:
    if not is_id(mail_id):
        raise RefusedError("there is no mail of this id", http.client.NOT_FOUND)
    return f"/v1/emails/{mail_id}"


def _in_json(mail: Document) -> dict[str, Any]:
    """A mail as JSON has it: bytes in base64."""
    if "attachments" not in mail:
        return dict(mail)
    files = [{**each, "content": base64.b64encode(each["content"]).decode()} for each in mail["attachments"]]
    return {**mail, "attachments": files}


def _encoded(body: Document) -> bytes:
    """JSON in UTF-8: in ASCII a letter of another script has six bytes, and MAX_BODY_BYTES counts them."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # it has lone surrogates: the service says what is wrong with them
        return json.dumps(body).encode()


def _document(answer: _Answer) -> Document:
    """The answer, if it is what was asked for.

    Raises:
        AwayError, RefusedError: with the service's words otherwise.
    """
    status, problem = answer.status, answer.problem
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        if status in _AWAY:
            raise AwayError(problem)
        raise RefusedError(f"{problem}, and not as this service does", 0)
    if status < http.client.BAD_REQUEST:
        return document
    words = str(document.get("detail") or problem)
    if status in _LATER:
        raise AwayError(words)
    field = document.get("field")
    raise RefusedError(f"{field}: {words}" if field else words, status)
