"""`/v1/emails`: send a mail with words of one's own, and ask what became of it."""

from http import HTTPStatus
from typing import Final

from messaging.errors import InvalidError, NotFoundError
from messaging.fields import take_texts
from messaging.gate import Gate
from messaging.outbox.ids import is_id
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail
from messaging.outlook import Outlook
from messaging.replies import Answer
from messaging.request import Request
from messaging.sending import Sending
from messaging.views import (
    accepted_document,
    accepted_line,
    full_document,
    public_document,
    status_line,
    status_url,
)

_KNOWN: Final = ("to", "subject", "text", "key")


class Emails:
    """The API for programs.

    Args:
        gate: finds out who is calling.
        sending: sends mails.
        outbox: knows what became of them.
        outlook: says why one may have to wait.
    """

    def __init__(self, gate: Gate, sending: Sending, outbox: Outbox, outlook: Outlook) -> None:
        self._outlook = outlook
        self._gate = gate
        self._sending = sending
        self._outbox = outbox

    def post(self, request: Request) -> Answer:
        take_texts(request.query(), ())
        fields = take_texts(request.form(("to",)) if request.has_form else request.json(), _KNOWN)
        if "to" not in fields:
            raise InvalidError("an address is missing", field="to")
        caller = self._gate.identify(request, fields.get("key"))
        text = fields.get("text")
        draft = self._sending.draft(
            caller, ("to", fields["to"]), fields.get("subject"), None if text is None else ("text", text)
        )
        mail = self._sending.send(draft, request.id)
        remark = self._outlook.remark(in_full=caller.known)
        return Answer(
            HTTPStatus.ACCEPTED,
            accepted_line(mail, remark),
            accepted_document(mail, remark),
            [("Location", status_url(mail))],
        )

    def get(self, request: Request) -> Answer:
        caller = self._gate.identify(request, take_texts(request.query(), ("key",)).get("key"))
        mail = find(self._outbox, request.argument)
        remark = self._outlook.remark(in_full=caller.known)
        if not caller.known:
            return Answer(HTTPStatus.OK, status_line(mail, remark=remark), public_document(mail, remark))
        attempts = self._outbox.attempts(mail.id)
        return Answer(HTTPStatus.OK, status_line(mail, attempts, remark), full_document(mail, attempts, remark))


def find(outbox: Outbox, mail_id: str) -> Mail:
    """Read a mail.

    Raises:
        NotFoundError: if there is none of this id.
    """
    mail = outbox.read(mail_id) if is_id(mail_id) else None
    if mail is None:
        raise NotFoundError("there is no mail of this id")
    return mail
