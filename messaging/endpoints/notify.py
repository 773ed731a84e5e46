"""`POST /notify/` and `GET /task_status/ID`: the same mails in the words of a task queue."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from messaging.endpoints.emails import find
from messaging.fields import take_texts
from messaging.gate import Gate
from messaging.greeting import Names
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail
from messaging.outbox.states import State
from messaging.outlook import Outlook
from messaging.replies import Answer
from messaging.request import Request
from messaging.sending import Sending, read_fields
from messaging.views import accepted_headers, aside, status_line

_NAMES: Final = Names("email", text="message")

#: A mail's state as the front ends of task queues name it.
TASK_STATUS: Final[Mapping[State, str]] = {
    State.SCHEDULED: "PENDING",
    State.QUEUED: "PENDING",
    State.SENDING: "STARTED",
    State.RETRYING: "RETRY",
    State.SENT: "SUCCESS",
    State.TESTED: "SUCCESS",
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
        fields = read_fields(request, _NAMES)
        caller = self._gate.identify(request, fields.get("key"))
        sent = self._sending.send(self._sending.order(request, caller, fields, _NAMES))
        mail, remark = sent.mail, self._outlook.remark(in_full=caller.known)
        line = f"task {mail.id} {TASK_STATUS[mail.state]}, status: /task_status/{mail.id}{aside(remark)}"
        return Answer(HTTPStatus.ACCEPTED, line, _document(mail, remark), accepted_headers(sent))

    def status(self, request: Request) -> Answer:
        caller = self._gate.identify(request, take_texts(request.query(), ("key",)).get("key"))
        mail = find(self._outbox, request.argument)
        in_full = caller.sees(mail)
        remark = self._outlook.remark(in_full=in_full)
        line = f"{TASK_STATUS[mail.state]} {status_line(mail, remark=remark)}"
        return Answer(HTTPStatus.OK, line, {**_document(mail, remark), "result": self._result(mail, in_full)})

    def _result(self, mail: Mail, in_full: bool) -> Any:
        """What a task queue would give as the task's result: none before there is one."""
        if not mail.final:
            return None
        return status_line(mail, self._outbox.attempts(mail.id) if in_full else ())


def _document(mail: Mail, remark: str) -> dict[str, Any]:
    """A task as its front end knows it, and why it waits."""
    waits = {"remark": remark} if remark and not mail.final else {}
    return {"task_id": mail.id, "status": TASK_STATUS[mail.state], **waits}
