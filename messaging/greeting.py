"""The operator's words, which a mail says where its sender has none."""

from dataclasses import dataclass
from typing import NamedTuple

from messaging.draft import Draft, check_subject, check_text
from messaging.outbox.records import Extras


class Names(NamedTuple):
    """What the fields of a mail are called in a request."""

    recipient: str
    subject: str = "subject"
    text: str = "text"


@dataclass(frozen=True, slots=True)
class Greeting:
    """All that a stranger can send."""

    subject: str
    text: str

    def draft(self, recipient: str, subject: str | None, text: str | None, extras: Extras, names: Names) -> Draft:
        """A mail with words of its own; one that has no subject has that of the greeting.

        Args:
            recipient: as `parse_recipient` returns it.
            subject: what its sender says it is about; None for nothing.
            text: what its sender says; None for nothing.
            extras: what it has beside its words.
            names: what the fields are called, for the error.

        Raises:
            InvalidError: if it could not be composed.
        """
        return Draft(
            recipient,
            check_subject(self.subject if subject is None else subject, names.subject),
            check_text(text or "", names.text),
            extras,
        )
