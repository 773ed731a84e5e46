"""`/` and `/action`: `?sendmail=ADDRESS` and `?talktome`, one or both in a request."""

from http import HTTPStatus
from typing import Any, Final

from messaging.draft import Draft
from messaging.errors import BadRequestError
from messaging.fields import take_texts
from messaging.gate import STRANGER, Caller, Gate
from messaging.outlook import Outlook
from messaging.replies import Answer, Headers
from messaging.request import Request
from messaging.sending import Sending
from messaging.talktome import TalktomeLog
from messaging.views import accepted_document, accepted_line, status_url

_KNOWN: Final = ("sendmail", "talktome", "subject", "text", "key")
_ADDRESSES: Final = ("sendmail",)

_USAGE: Final = (
    "Messaging: one curl, one e-mail, never lost. "
    "Try /?sendmail=ADDRESS to send a mail, /?talktome to log the time; POST /v1/emails for more."
)


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
        return _usage()

    def _act(self, request: Request, fields: dict[str, str]) -> Answer:
        parameters = take_texts(fields, _KNOWN)
        if parameters.keys().isdisjoint(("sendmail", "talktome")):
            if parameters:
                raise BadRequestError("nothing to do without sendmail or talktome")
            return _usage()
        # All that can be wrong with the request is found before any of it is done.
        caller = self._gate.identify(request, parameters.get("key")) if "sendmail" in parameters else STRANGER
        draft = self._draft(caller, parameters) if "sendmail" in parameters else None
        return self._do(request, caller, draft, talk="talktome" in parameters)

    def _draft(self, caller: Caller, parameters: dict[str, str]) -> Draft:
        text = parameters.get("text")
        return self._sending.draft(
            caller,
            ("sendmail", parameters["sendmail"]),
            parameters.get("subject"),
            None if text is None else ("text", text),
        )

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
            mail = self._sending.send(draft, request.id)
            remark = self._outlook.remark(in_full=caller.known)
            lines.append(accepted_line(mail, remark))
            document.update(accepted_document(mail, remark))
            headers.append(("Location", status_url(mail)))
            status = HTTPStatus.ACCEPTED
        return Answer(status, "; ".join(lines), document, headers)


def _usage() -> Answer:
    return Answer(HTTPStatus.OK, _USAGE, {"usage": _USAGE})
