"""A mail as somebody wants it, checked so that it can be composed."""

from dataclasses import dataclass, field

from config.values import MOST_SUBJECT, is_one_line
from messaging.errors import InvalidError
from messaging.outbox.records import NO_EXTRAS, Extras


@dataclass(frozen=True, slots=True)
class Draft:
    """What `check_subject`, `check_text` and `parse_recipient` let through composes without an error."""

    recipient: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    extras: Extras = field(default=NO_EXTRAS, repr=False)


def check_subject(subject: str, field: str = "subject") -> str:
    """Let through what can stand in one header field and is read there as what it is.

    Raises:
        InvalidError: saying why it cannot.
    """
    if len(subject) > MOST_SUBJECT:
        raise InvalidError(f"at most {MOST_SUBJECT} characters", field=field)
    if not is_one_line(subject):
        raise InvalidError("one line without control characters", field=field)
    if "=?" in subject:
        # RFC 2047, section 5: it would be decoded, and what it hides could end the header field.
        raise InvalidError('"=?" begins an encoded word and cannot be used', field=field)
    return subject


def check_text(text: str, field: str = "text") -> str:
    """Let through what can stand in a text part.

    Raises:
        InvalidError: saying why it cannot.
    """
    if "\0" in text:
        raise InvalidError("no NUL characters", field=field)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidError("a lone surrogate is not a character", field=field) from None
    return text
