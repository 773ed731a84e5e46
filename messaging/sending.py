"""The one way in which a request sends a mail, whatever its path and form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from messaging.addresses import parse_recipient
from messaging.draft import Draft, check_subject, check_text
from messaging.errors import InvalidError
from messaging.fields import take_texts
from messaging.gate import Caller, Gate
from messaging.intake import Intake
from messaging.outbox.records import Mail
from messaging.request import Request


@dataclass(frozen=True, slots=True)
class Greeting:
    """The operator's words: all that a stranger can send."""

    subject: str
    text: str


class Names(NamedTuple):
    """What the fields of a mail are called in a request."""

    recipient: str
    subject: str = "subject"
    text: str = "text"


def read_fields(request: Request, names: Names) -> dict[str, str]:
    """Read a mail's fields, and a key, out of a body that is a form or JSON.

    Raises:
        BadRequestError, InvalidError, UnsupportedTypeError: with the field and the reason.
    """
    take_texts(request.query(), ())
    fields = request.form((names.recipient,)) if request.has_form else request.json()
    texts = take_texts(fields, (*names, "key"))
    if names.recipient not in texts:
        raise InvalidError("an address is missing", field=names.recipient)
    return texts


class Sending:
    """Checks what a caller wants sent, and has it accepted.

    Args:
        gate: who may send what to whom.
        intake: takes the mail.
        greeting: sent where the caller has no words of their own.
    """

    def __init__(self, gate: Gate, intake: Intake, greeting: Greeting) -> None:
        self._gate = gate
        self._intake = intake
        self._greeting = greeting

    def draft(self, caller: Caller, fields: Mapping[str, str], names: Names) -> Draft:
        """Make a draft of what the caller sent, or refuse.

        Args:
            caller: who sends it.
            fields: the request's fields, the recipient among them.
            names: what the fields are called there.

        Raises:
            UnauthorizedError, ForbiddenError, InvalidError: with the field and the reason.
        """
        to = parse_recipient(fields[names.recipient], names.recipient)
        self._gate.check_recipient(to, names.recipient)
        subject, text = fields.get(names.subject), fields.get(names.text)
        if subject is None and text is None:
            self._gate.check_greeting(caller)
            return Draft(to, self._greeting.subject, self._greeting.text)
        self._gate.check_own_words(caller)
        return Draft(
            to,
            check_subject(self._greeting.subject if subject is None else subject, names.subject),
            check_text(text or "", names.text),
        )

    def send(self, draft: Draft, request_id: str) -> Mail:
        """Have a draft accepted; it will be sent."""
        return self._intake.accept(draft, request_id)
