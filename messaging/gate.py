"""Decides who may do what: a caller with a key, or a stranger."""

from collections.abc import Collection
from dataclasses import dataclass

from messaging.errors import ForbiddenError, UnauthorizedError
from messaging.keys import Key, Keys
from messaging.request import Request


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    #: None for a stranger.
    key: Key | None

    @property
    def known(self) -> bool:
        return self.key is not None


STRANGER = Caller(None)


class Gate:
    """The operator's rules about callers and recipients.

    Args:
        keys: the keys that open it.
        open_sendmail: whether strangers may send the greeting.
        allowed_recipients: addresses and `@domains`, in lower case; empty for all.
    """

    def __init__(self, keys: Keys, *, open_sendmail: bool, allowed_recipients: tuple[str, ...]) -> None:
        self._keys = keys
        self._open_sendmail = open_sendmail
        self._allowed = frozenset(allowed_recipients)

    def identify(self, request: Request, key: str | None) -> Caller:
        """Find out who is calling.

        Args:
            request: its header fields may carry a key.
            key: one that stood in the parameters; None if there was no such parameter.

        Raises:
            UnauthorizedError: if a key was given that is not ours: never a fall-back to what strangers may do.
        """
        given = next(
            (given for given in (key, request.header("X-API-Key"), _bearer(request)) if given is not None), None
        )
        if given is None:
            return STRANGER
        found = self._keys.find(given)
        if found is None:
            raise UnauthorizedError("this key is not known here")
        return Caller(found)

    def check_greeting(self, caller: Caller) -> None:
        """Let a caller send the greeting.

        Raises:
            UnauthorizedError: if strangers may not.
        """
        if not caller.known and not self._open_sendmail:
            raise UnauthorizedError("sending needs a key here")

    def check_own_words(self, caller: Caller) -> None:
        """Let a caller send a subject and text of their own.

        Raises:
            UnauthorizedError: to strangers: with nothing to say there is nothing to gain by abuse.
        """
        if not caller.known:
            raise UnauthorizedError("a subject or text of your own needs a key; without one the greeting is sent")

    def check_recipient(self, caller: Caller, recipient: str, field: str) -> None:
        """Let a caller's mail go to an address.

        Raises:
            ForbiddenError: if the operator's list, or the key's, is not empty and does not have it.
        """
        if not is_among(recipient, self._allowed):
            raise ForbiddenError("mail to this address is not allowed here", field=field)
        if caller.key and not is_among(recipient, caller.key.recipients):
            raise ForbiddenError("mail to this address is not allowed with this key", field=field)


def is_among(recipient: str, allowed: Collection[str]) -> bool:
    """Whether an address, or its domain, is among those that are allowed; all are where there are none."""
    folded = recipient.lower()
    return not allowed or folded in allowed or folded[folded.rindex("@") :] in allowed


def _bearer(request: Request) -> str | None:
    """The key in `Authorization` (RFC 6750); another scheme is none of ours, and no key."""
    scheme, _, token = (request.header("Authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
