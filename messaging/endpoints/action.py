"""`/` and `/action`: `?sendmail=ADDRESS` and `?talktome`, one or both in a request."""

import contextlib
from http import HTTPStatus
from typing import Any, Final

from messaging.endpoints.confirmation import confirmation
from messaging.errors import BadRequestError, RequestError, UnavailableError
from messaging.fields import named, take_texts
from messaging.gate import Gate
from messaging.greeting import Names
from messaging.intent import check_meant
from messaging.order import Order, Sent
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outlook import Outlook
from messaging.repeats import idempotency_key
from messaging.replies import Answer, Headers, Reply
from messaging.request import Request
from messaging.sending import Sending
from messaging.talktome import TalktomeLog
from messaging.views import accepted_document, accepted_headers, accepted_line

_NAMES: Final = Names("sendmail")
_KNOWN: Final = (*_NAMES, "talktome", "key", "link")
_ADDRESSES: Final = ("sendmail",)

#: Either asks for a mail.
_MAILS: Final = ("sendmail", "link")

_WORDS: Final = (
    "Messaging: one curl, one e-mail, never lost. "
    "Try /?sendmail=ADDRESS to send a mail, /?talktome to log the time; POST /v1/emails for more."
)
_USAGE: Final = Answer(HTTPStatus.OK, _WORDS, {"usage": _WORDS})


class Action:
    """Does what the parameters of one request say.

    Args:
        gate: finds out who is calling.
        sending: sends mails.
        outlook: says why a mail may have to wait.
        talktome: logs the time.
    """

    def __init__(self, gate: Gate, sending: Sending, outlook: Outlook, talktome: TalktomeLog) -> None:
        self._gate = gate
        self._outlook = outlook
        self._sending = sending
        self._talktome = talktome

    def get(self, request: Request) -> Answer | Reply:
        return self._act(request, request.query(_ADDRESSES))

    def post(self, request: Request) -> Answer | Reply:
        idempotency_key(request)
        query, form = request.query(_ADDRESSES), request.form(_ADDRESSES)
        for name in query.keys() & form:
            raise BadRequestError("a parameter was given twice", field=named(name))
        return self._act(request, query | form)

    def head(self, _request: Request) -> Answer:
        """Answer without doing anything: HEAD is for looking (RFC 9110, section 9.3.2)."""
        return _USAGE

    def _act(self, request: Request, fields: dict[str, str]) -> Answer | Reply:
        parameters = take_texts(fields, _KNOWN)
        if parameters.keys().isdisjoint((*_MAILS, "talktome")):
            if parameters:
                raise BadRequestError("nothing to do without sendmail or talktome")
            return _USAGE
        check_meant(request)
        # All that can be wrong with the request is found before any of it is done.
        order = self._order(request, parameters)
        if order and order.link and request.method == "GET" and request.wants_page:
            return confirmation(request, parameters, order.draft)
        return self._do(request, order, talk="talktome" in parameters)

    def _order(self, request: Request, parameters: dict[str, str]) -> Order | None:
        if parameters.keys().isdisjoint(_MAILS):
            for name in parameters.keys() & {_NAMES.subject, _NAMES.text}:
                raise BadRequestError("belongs to a mail, and there is no sendmail", field=name)
            self._refuse_a_wrong_key(request, parameters)
            return None
        caller = self._gate.identify(request, parameters.get("key"))
        if "link" not in parameters:
            return self._sending.order(request, caller, parameters, _NAMES)
        if not parameters.keys() <= {"link", "talktome"}:
            raise BadRequestError("says what is sent to whom, and stands alone", field="link")
        return self._sending.order_by_link(request, parameters["link"], "link")

    def _refuse_a_wrong_key(self, request: Request, parameters: dict[str, str]) -> None:
        """Let everybody log the time but who has a wrong key, and should know."""
        # Logging needs no key, so that it does not wait for the database that knows them.
        with contextlib.suppress(OutboxUnavailableError):
            self._gate.identify(request, parameters.get("key"))

    def _do(self, request: Request, order: Order | None, *, talk: bool) -> Answer:
        lines: list[str] = []
        document: dict[str, Any] = {}
        headers: Headers = []
        status = HTTPStatus.OK
        if talk:
            time = self._talktome.write(request.id)
            lines.append(f"logged {time}")
            document["logged_at"] = time
        if order:
            sent = self._send(order, lines)
            remark = self._outlook.remark(in_full=order.caller.known)
            lines.append(accepted_line(sent, remark))
            document.update(accepted_document(sent, remark))
            headers = accepted_headers(sent)
            status = HTTPStatus.ACCEPTED
        return Answer(status, "; ".join(lines), document, headers)

    def _send(self, order: Order, done: list[str]) -> Sent:
        try:
            return self._sending.send(order)
        except (RequestError, OutboxUnavailableError) as error:
            if not done:
                raise
            # Whoever tries again should know that one half is done.
            if isinstance(error, RequestError):
                error.detail = f"{done[0]}; {error.detail}"
                raise
            raise UnavailableError(f"{done[0]}; the outbox is not available, no mail was accepted") from error
