"""`/v1/emails`: send a mail with words of one's own, and ask what became of it."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from messaging.batch import send_batch
from messaging.errors import BadRequestError, NotFoundError
from messaging.fields import take_texts
from messaging.gate import Caller, Gate
from messaging.greeting import Names
from messaging.order import Sent
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.ids import is_id
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail
from messaging.outlook import Outlook
from messaging.replies import Answer
from messaging.request import Request
from messaging.sending import Sending
from messaging.submission import KEY, read_body, submission
from messaging.views import (
    accepted_document,
    accepted_headers,
    accepted_line,
    full_document,
    public_document,
    status_line,
)
from messaging.waiting import WAIT, Waits, parse_wait

_LOG: Final = logging.getLogger(__name__)

_NAMES: Final = Names("to")


class Emails:
    """The API for programs.

    Args:
        gate: finds out who is calling.
        sending: sends mails.
        outbox: knows what became of them.
        outlook: says why one may have to wait.
        waits: lets a request wait for a mail.
    """

    def __init__(self, gate: Gate, sending: Sending, outbox: Outbox, outlook: Outlook, waits: Waits) -> None:
        self._outlook = outlook
        self._gate = gate
        self._sending = sending
        self._outbox = outbox
        self._waits = waits

    def post(self, request: Request) -> Answer:
        wait = take_texts(request.query(), (WAIT,)).get(WAIT)
        body = read_body(request, _NAMES.recipient)
        if isinstance(body, list):
            return self._post_all(request, body, wait)
        wanted = submission(body, (*_NAMES, KEY))
        caller = self._gate.identify(request, wanted.texts.get(KEY))
        wait_s = parse_wait(wait, caller)
        sent = self._sending.send(self._sending.order(request, caller, wanted.texts, _NAMES, wanted.extras))
        if sent.replayed and self._outbox.read(sent.mail.id) is None:
            wait_s = None  # the mail was removed since, and nothing will become of it
        return self._accepted(sent, caller, wait_s)

    def post_again(self, request: Request) -> Answer:
        """Send a mail as another one was."""
        take_texts(request.query(), ())
        texts = take_texts(request.json() if request.has_json else request.form(), (KEY,))
        caller, _ = self._gate.identify_known(request, texts.get(KEY))
        mail = find(self._outbox, request.argument)
        self._gate.check_steering(caller, mail)
        order = self._sending.order_again(request, caller, mail, self._outbox.extras(mail))
        return self._accepted(self._sending.send(order), caller, None)

    def get(self, request: Request) -> Answer:
        texts = take_texts(request.query(), (KEY, WAIT))
        caller = self._gate.identify(request, texts.get(KEY))
        wait_s = parse_wait(texts.get(WAIT), caller)
        mail = find(self._outbox, request.argument)
        if wait_s is not None and not mail.final:
            self._waits.until_final(mail.id, wait_s)
            mail = find(self._outbox, mail.id)
        return self._status(mail, in_full=caller.sees(mail))

    def _post_all(self, request: Request, mails: Sequence[Any], wait: str | None) -> Answer:
        caller, _ = self._gate.identify_known(request, None)
        if wait is not None:
            raise BadRequestError("is for one mail", field=WAIT)
        batch = send_batch(self._sending, request, caller, mails, _NAMES)
        return batch.answer(self._outlook.remark(in_full=True))

    def _accepted(self, sent: Sent, caller: Caller, wait_s: float | None) -> Answer:
        """What a mail that was accepted is answered with: it is stored, so that nothing can be wrong from here on."""
        if wait_s is not None:
            self._waits.until_final(sent.mail.id, wait_s)
            try:
                sent = replace(sent, mail=self._outbox.read(sent.mail.id) or sent.mail)
                if sent.mail.final:
                    answer = self._status(sent.mail, in_full=caller.sees(sent.mail))
                    return replace(answer, headers=accepted_headers(sent))
            except OutboxUnavailableError as error:
                _LOG.info("mail %s is accepted, and what became of it not known now: %s", sent.mail.id, error)
        remark = self._outlook.remark(in_full=caller.known)
        line, document = accepted_line(sent, remark), accepted_document(sent, remark)
        return Answer(HTTPStatus.ACCEPTED, line, document, accepted_headers(sent))

    def _status(self, mail: Mail, *, in_full: bool) -> Answer:
        remark = self._outlook.remark(in_full=in_full)
        published_at = self._outbox.published_at(mail.id)
        if not in_full:
            return Answer(HTTPStatus.OK, status_line(mail, remark=remark), public_document(mail, published_at, remark))
        attempts = self._outbox.attempts(mail.id)
        document = full_document(mail, published_at, attempts, remark)
        return Answer(HTTPStatus.OK, status_line(mail, attempts, remark), document)


def find(outbox: Outbox, mail_id: str) -> Mail:
    """Read a mail.

    Raises:
        NotFoundError: if there is none of this id.
    """
    mail = outbox.read(mail_id) if is_id(mail_id) else None
    if mail is None:
        raise NotFoundError("there is no mail of this id")
    return mail
