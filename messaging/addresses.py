"""Decides what is an address that mail may be sent to, and by which spelling it is counted."""

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from email_validator import EmailNotValidError, validate_email

from config.values import MOST_ADDRESS
from messaging.errors import InvalidError


def parse_recipient(text: str, field: str) -> str:
    """Check one address and return it as the envelope needs it: ASCII, the domain in lower case and IDNA.

    Args:
        text: what the client sent.
        field: the parameter it stood in, for the error.

    Raises:
        InvalidError: saying why it cannot be used.
    """
    if not text:
        raise InvalidError("an address is missing", field=field)
    if len(text) > MOST_ADDRESS:
        # Before anything else looks at it, and before the cache keeps it.
        raise InvalidError(f"an address has at most {MOST_ADDRESS} characters", field=field)
    recipient, problem = _validated(text)
    if problem:
        raise InvalidError(problem, field=field)
    return recipient


@lru_cache(maxsize=4096)
def _validated(text: str) -> tuple[str, str]:
    """The address and "", or "" and what is wrong."""
    if not text.isprintable():
        return "", "an address has no control characters"
    if "," in text or ";" in text:
        return "", "one address, not a list"
    if "=?" in text:
        # RFC 2047: the header's reader would decode it, and could find another address inside.
        return "", "an address has no encoded words"
    try:
        found = validate_email(
            text, check_deliverability=False, allow_smtputf8=True, allow_quoted_local=False, strict=True
        )
    except EmailNotValidError as error:
        reason = str(error)
        return "", reason if _plain(reason) else "this is not an address that mail can be sent to"
    if found.ascii_email is None:
        return "", "the part before the @ must be ASCII"
    return found.ascii_email, ""


def _plain(reason: str) -> bool:
    """Whether the library's words hold no markup that came from the client."""
    return reason.isprintable() and not any(character in reason for character in "<>&\"'`")


#: Gmail's two names. Of its own addresses, not of those in other domains that it serves, it takes any with other dots
#: for the same: a thousand spellings of one mailbox.
_GMAIL: Final = ("gmail.com", "googlemail.com")


def canonical(address: str) -> str:
    """The one spelling that an address is counted by, however it is written; mail still goes where it was sent.

    Args:
        address: as `parse_recipient` returns it, so that its domain is folded already.
    """
    local, _, domain = address.lower().rpartition("@")
    name = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{name.replace('.', '')}@{_GMAIL[0]}"
    return f"{name}@{domain}"


def is_among(recipient: str, allowed: Collection[str]) -> bool:
    """Whether an address, or its domain, is among those that are allowed; all are where there are none."""
    folded = recipient.lower()
    return not allowed or folded in allowed or folded[folded.rindex("@") :] in allowed
