"""`POST /notify/` and `GET /task_status/ID`: the same mails in the words of a task queue."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from messaging.endpoints.emails import find
from messaging.errors import InvalidError
from messaging.fields import take_texts
from messaging.gate import Gate
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail
from messaging.outbox.states import State
from messaging.outlook import Outlook
from messaging.replies import Answer
from messaging.request import Request
from messaging.sending import Sending
from messaging.views import status_line, status_url

_KNOWN: Final = ("email", "subject", "message", "key")

#: A mail's state as the front ends of task queues name it.
TASK_STATUS: Final[Mapping[State, str]] = {
    State.SCHEDULED: "PENDING",
    State.QUEUED: "PENDING",
    State.SENDING: "STARTED",
    State.RETRYING: "RETRY",
    State.SENT: "SUCCESS",
    State.FAILED: "FAILURE",
    State.CANCELED: "REVOKED",
}


class Notify:
    """The two paths that task-queue front ends poll.

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
        fields = take_texts(request.form(("email",)) if request.has_form else request.json(), _KNOWN)
        if "email" not in fields:
            raise InvalidError("an address is missing", field="email")
        caller = self._gate.identify(request, fields.get("key"))
        message = fields.get("message")
        draft = self._sending.draft(
            caller,
            ("email", fields["email"]),
            fields.get("subject"),
            None if message is None else ("message", message),
        )
        mail = self._sending.send(draft, request.id)
        document = {"task_id": mail.id, "status": TASK_STATUS[mail.state]}
        line = f"task {mail.id} {TASK_STATUS[mail.state]}, status: /task_status/{mail.id}"
        return Answer(HTTPStatus.ACCEPTED, line, document, [("Location", status_url(mail))])

    def status(self, request: Request) -> Answer:
        caller = self._gate.identify(request, take_texts(request.query(), ("key",)).get("key"))
        mail = find(self._outbox, request.argument)
        document = {"task_id": mail.id, "status": TASK_STATUS[mail.state], "result": self._result(mail, caller.known)}
        line = f"{document['status']} {status_line(mail, remark=self._outlook.remark(in_full=caller.known))}"
        return Answer(HTTPStatus.OK, line, document)

    def _result(self, mail: Mail, in_full: bool) -> Any:
        """What a task queue would give as the task's result: none before there is one."""
        if not mail.final:
            return None
        return status_line(mail, self._outbox.attempts(mail.id) if in_full else ())
