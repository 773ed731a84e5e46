"""The one way in which a request sends a mail, whatever its path and form."""

from dataclasses import dataclass

from messaging.addresses import parse_recipient
from messaging.draft import Draft, check_subject, check_text
from messaging.gate import Caller, Gate
from messaging.intake import Intake
from messaging.outbox.records import Mail


@dataclass(frozen=True, slots=True)
class Greeting:
    """The operator's words: all that a stranger can send."""

    subject: str
    text: str


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

    def draft(
        self, caller: Caller, recipient: tuple[str, str], subject: str | None, text: tuple[str, str] | None
    ) -> Draft:
        """Make a draft of what the caller sent, or refuse.

        Args:
            caller: who sends it.
            recipient: the field's name and its value.
            subject: None if the caller gave none.
            text: the field's name and its value; None if the caller gave none.

        Raises:
            UnauthorizedError, ForbiddenError, InvalidError: with the field and the reason.
        """
        to = parse_recipient(recipient[1], recipient[0])
        self._gate.check_recipient(to, recipient[0])
        if subject is None and text is None:
            self._gate.check_greeting(caller)
            return Draft(to, self._greeting.subject, self._greeting.text)
        self._gate.check_own_words(caller)
        return Draft(
            to,
            check_subject(self._greeting.subject if subject is None else subject),
            check_text(text[1], text[0]) if text else "",
        )

    def send(self, draft: Draft, request_id: str) -> Mail:
        """Have a draft accepted; it will be sent."""
        return self._intake.accept(draft, request_id)
