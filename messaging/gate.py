"""Decides who may do what: a caller with a key, or a stranger."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Final

from config.masking import KEY_PREFIX
from messaging.addresses import is_among
from messaging.errors import ForbiddenError, UnauthorizedError
from messaging.keys import Key, Keys
from messaging.outbox.records import Mail
from messaging.request import Request

#: RFC 9110, section 11.4: a scheme, and what it needs.
_AUTHORIZATION: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?: +(.*))?", re.ASCII)


#: What a client may say to a proxy between us (RFC 7617, RFC 7616, RFC 4559); it is none of our business.
_TO_PROXIES: Final = ("basic", "digest", "negotiate")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    #: None for a stranger.
    key: Key | None

    @property
    def known(self) -> bool:
        return self.key is not None

    @property
    def tests(self) -> bool:
        """Whether their mails go through everything but the relay."""
        return self.key is not None and self.key.test

    def sees(self, mail: Mail) -> bool:
        """Whether all of a mail may be shown to them, and steered by them."""
        return self.key is not None and self.key.scope.has(mail)


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
            UnauthorizedError: if a key was given that is not ours, or beside another one: never a fall-back to what
                strangers may do, nor to what the other one may.
        """
        given = {each for each in (key, request.header("X-API-Key"), _bearer(request)) if each is not None}
        if not given:
            return STRANGER
        found = [self._keys.find(each) for each in given]
        if None in found:
            raise UnauthorizedError("this key is not known here")
        if len(found) > 1:
            raise UnauthorizedError("two keys were given, and may be two callers")
        return Caller(found[0])

    def identify_known(self, request: Request, key: str | None) -> tuple[Caller, Key]:
        """Find out who is calling, where strangers have no business.

        Raises:
            UnauthorizedError: to a stranger, and as `identify` does.
        """
        caller = self.identify(request, key)
        if caller.key is None:
            raise UnauthorizedError("this needs a key")
        return caller, caller.key

    def check_steering(self, caller: Caller, mail: Mail) -> None:
        """Let a caller decide what becomes of a mail.

        Raises:
            ForbiddenError: if it is not among those that this key may see.
        """
        if not caller.sees(mail):
            raise ForbiddenError("this mail is none of this key's")

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


def _bearer(request: Request) -> str | None:
    """The key in `Authorization` (RFC 6750); None if there is none, or something that is said to a proxy.

    Raises:
        UnauthorizedError: if anything else is there: whoever sent it takes themselves for known.
    """
    header = request.header("Authorization")
    if header is None:
        return None
    matched = _AUTHORIZATION.fullmatch(header.strip())
    scheme, credentials = (matched[1].lower(), (matched[2] or "").strip()) if matched else ("", "")
    if scheme == "bearer":
        return credentials
    to_a_proxy = scheme in _TO_PROXIES and KEY_PREFIX not in header and "bearer" not in credentials.lower()
    if not to_a_proxy or (scheme == "basic" and KEY_PREFIX.encode() in _decoded(credentials)):
        raise UnauthorizedError("a key in Authorization goes behind the word Bearer")
    return None


def _decoded(credentials: str) -> bytes:
    """A name and a password (RFC 7617), as `curl --user` sends them; empty if that is not what it is."""
    try:
        return b64decode(credentials.encode("latin-1", "replace") + b"==")
    except Base64Error:
        return b""
