"""`/v1/emails/…/cancel` and `/retry`: one mail, or all that match a filter."""

import logging
import re
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from messaging.endpoints.emails import find
from messaging.errors import ConflictError, InvalidError, NotFoundError, TooManyRequestsError, UnavailableError
from messaging.fields import take_texts
from messaging.filtering import ADDRESSES, NAMES, parse_filter, parse_id
from messaging.gate import Gate
from messaging.outbox.errors import OutboxUnavailableError, StateForbidsError
from messaging.outbox.filters import Filter
from messaging.outbox.outbox import Outbox
from messaging.outbox.states import State
from messaging.outbox.steering import MOST_AT_ONCE, Deed, Steered, Steering
from messaging.publisher import Publisher
from messaging.replies import Answer, Reply
from messaging.request import Request
from messaging.router import Endpoint
from messaging.views import full_document, status_line

_LOG: Final = logging.getLogger(__name__)

_AWAY: Final = "the outbox is not available"

#: Where to go on: the answer to the call before has it.
_AFTER: Final = "after"

_NUMBER: Final = re.compile(r"\d{1,5}", re.ASCII)

_FLAGS: Final[Mapping[object, bool]] = {True: True, False: False, "true": True, "false": False}


class Helm:
    """Does what people decide about mails.

    Args:
        gate: who may.
        outbox: knows the mails.
        steering: does it.
        publisher: told of each mail that is to be sent at once.
    """

    def __init__(self, gate: Gate, outbox: Outbox, steering: Steering, publisher: Publisher) -> None:
        self._gate = gate
        self._outbox = outbox
        self._steering = steering
        self._publisher = publisher
        self._many = threading.Lock()

    def one(self, deed: Deed) -> Endpoint:
        """What does a deed to the mail that the path names."""

        def endpoint(request: Request) -> Answer:
            texts = take_texts(_fields(request), ("key",))
            caller, _ = self._gate.identify_known(request, texts.get("key"))
            self._gate.check_steering(caller, find(self._outbox, request.argument))
            try:
                history = self._steering.do(deed, request.argument)
            except StateForbidsError as error:
                raise ConflictError(error.state) from None
            if history is None:
                raise NotFoundError("there is no mail of this id")
            mail, attempts = history.mail, history.attempts
            if mail.state is State.QUEUED:
                self._publisher.publish(mail.id)
            document = full_document(mail, history.published_at, attempts, "")
            return Answer(HTTPStatus.OK, status_line(mail, attempts), document)

        return _deed(endpoint)

    def many(self, deed: Deed) -> Endpoint:
        """What does a deed to all mails of a filter, or counts them."""

        def endpoint(request: Request) -> Answer:
            fields = _fields(request)
            dry_run = _flag(fields.pop("dry_run", False), "dry_run")
            limit = _limit(fields.pop("limit", MOST_AT_ONCE))
            texts = take_texts(fields, (*NAMES, _AFTER, "limit", "dry_run", "key"))
            _, key = self._gate.identify_known(request, texts.get("key"))
            wanted = parse_filter(texts, key.scope)
            if wanted.state not in (None, *deed.states):
                raise InvalidError(f"must be one of {', '.join(deed.states)}", field="state")
            after = parse_id(texts, _AFTER)
            if dry_run:
                return self._count(deed, wanted, after)
            steered = self._do_all(deed, wanted, after, limit)
            if steered.trouble:
                _LOG.error("request %s: the outbox is not available any more: %s", request.id, steered.trouble)
            return _answer(deed, wanted, steered)

        return _deed(endpoint)

    def _count(self, deed: Deed, wanted: Filter, after: str | None) -> Answer:
        count = self._steering.count(deed, wanted, after)
        document = {"dry_run": True, "changed": 0, "left": count.mails, "before": count.before, "after": after}
        return Answer(HTTPStatus.OK, f"{count.mails} mails would be {deed.done}", document)

    def _do_all(self, deed: Deed, wanted: Filter, after: str | None, limit: int) -> Steered:
        # Beside others it would be no faster, and hold up threads that answer requests.
        if not self._many.acquire(blocking=False):
            raise TooManyRequestsError("many mails are being changed already", 1)
        try:
            return self._steering.do_all(deed, wanted, after, limit)
        finally:
            self._many.release()


def _deed(endpoint: Endpoint) -> Endpoint:
    """Have an endpoint say of an outage what it means for a deed: elsewhere it is about a mail to be accepted."""

    def answer(request: Request) -> Answer | Reply:
        try:
            return endpoint(request)
        except OutboxUnavailableError as error:
            _LOG.error("request %s: the outbox is not available: %s", request.id, error)
            raise UnavailableError(f"{_AWAY}; no mail was changed") from error

    return answer


def _answer(deed: Deed, wanted: Filter, steered: Steered) -> Answer:
    """What was done to many mails, also where that was broken off."""
    document = {
        "dry_run": False,
        "changed": steered.changed,
        "left": steered.left,
        "before": wanted.before,
        "after": steered.after,
        **({"trouble": _AWAY} if steered.trouble else {}),
    }
    left = f"; {_AWAY} any more, others may be left" if steered.trouble else f", {steered.left} left"
    return Answer(HTTPStatus.OK, f"{steered.changed} mails {deed.done}{left}", document)


def _fields(request: Request) -> dict[str, Any]:
    """The fields of a body that is JSON, a form, or not there."""
    take_texts(request.query(), ())
    return request.json() if request.has_json else dict(request.form(ADDRESSES))


def _flag(value: object, field: str) -> bool:
    flag = _FLAGS.get(value) if isinstance(value, bool | str) else None
    if flag is None:
        raise InvalidError("must be true or false", field=field)
    return flag


def _limit(value: object) -> int:
    """How many mails may be changed: a number, or its digits in a form."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MOST_AT_ONCE:
        raise InvalidError(f"must be a number from 1 to {MOST_AT_ONCE}", field="limit")
    return int(text)
