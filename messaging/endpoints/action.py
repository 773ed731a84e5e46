"""`/` and `/action`: `?sendmail=ADDRESS` and `?talktome`, one or both in a request."""

from http import HTTPStatus
from typing import Any, Final

from messaging.draft import Draft
from messaging.errors import BadRequestError, UnavailableError
from messaging.fields import take_texts
from messaging.gate import STRANGER, Caller, Gate
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.records import Mail
from messaging.outlook import Outlook
from messaging.replies import Answer, Headers
from messaging.request import Request
from messaging.sending import Names, Sending
from messaging.talktome import TalktomeLog
from messaging.views import accepted_document, accepted_line, status_url

_NAMES: Final = Names("sendmail")
_KNOWN: Final = (*_NAMES, "talktome", "key")
_ADDRESSES: Final = ("sendmail",)

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

    def get(self, request: Request) -> Answer:
        return self._act(request, request.query(_ADDRESSES))

    def post(self, request: Request) -> Answer:
        query, form = request.query(_ADDRESSES), request.form(_ADDRESSES)
        if not query.keys().isdisjoint(form):
            raise BadRequestError("a parameter was given twice")
        return self._act(request, query | form)

    def head(self, _request: Request) -> Answer:
        """Answer without doing anything: HEAD is for looking (RFC 9110, section 9.3.2)."""
        return _USAGE

    def _act(self, request: Request, fields: dict[str, str]) -> Answer:
        parameters = take_texts(fields, _KNOWN)
        if parameters.keys().isdisjoint(("sendmail", "talktome")):
            if parameters:
                raise BadRequestError("nothing to do without sendmail or talktome")
            return _USAGE
        # All that can be wrong with the request is found before any of it is done.
        caller = self._gate.identify(request, parameters.get("key")) if "sendmail" in parameters else STRANGER
        draft = self._sending.draft(caller, parameters, _NAMES) if "sendmail" in parameters else None
        return self._do(request, caller, draft, talk="talktome" in parameters)

    def _do(self, request: Request, caller: Caller, draft: Draft | None, *, talk: bool) -> Answer:
        lines: list[str] = []
        document: dict[str, Any] = {}
        headers: Headers = []
        status = HTTPStatus.OK
        if talk:
            time = self._talktome.write(request.id)
            lines.append(f"logged {time}")
            document["logged_at"] = time
        if draft:
            mail = self._send(draft, request, lines)
            remark = self._outlook.remark(in_full=caller.known)
            lines.append(accepted_line(mail, remark))
            document.update(accepted_document(mail, remark))
            headers.append(("Location", status_url(mail)))
            status = HTTPStatus.ACCEPTED
        return Answer(status, "; ".join(lines), document, headers)

    def _send(self, draft: Draft, request: Request, done: list[str]) -> Mail:
        try:
            return self._sending.send(draft, request.id)
        except OutboxUnavailableError as error:
            if not done:
                raise
            # Whoever tries again should know that one half is done.
            raise UnavailableError(f"{done[0]}; the outbox is not available, no mail was accepted") from error
