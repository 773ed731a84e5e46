"""`/v1/emails`: send a mail with words of one's own, and ask what became of it."""

from http import HTTPStatus
from typing import Final

from messaging.errors import NotFoundError
from messaging.fields import take_texts
from messaging.gate import Gate
from messaging.outbox.ids import is_id
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail
from messaging.outlook import Outlook
from messaging.replies import Answer
from messaging.request import Request
from messaging.sending import Names, Sending, read_fields
from messaging.views import (
    accepted_document,
    accepted_headers,
    accepted_line,
    full_document,
    public_document,
    status_line,
)

_NAMES: Final = Names("to")


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
        fields = read_fields(request, _NAMES)
        caller = self._gate.identify(request, fields.get("key"))
        sent = self._sending.send(self._sending.order(request, caller, fields, _NAMES))
        remark = self._outlook.remark(in_full=caller.known)
        return Answer(
            HTTPStatus.ACCEPTED,
            accepted_line(sent, remark),
            accepted_document(sent, remark),
            accepted_headers(sent),
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
