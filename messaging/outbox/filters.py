"""Which mails are meant: those of a state, to an address or a domain, older than another one."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, or_

from messaging.addresses import is_among
from messaging.outbox.records import Mail
from messaging.outbox.schema import mails
from messaging.outbox.states import State

_ADDRESS = func.lower(mails.c.recipient)
_DOMAIN = func.substr(_ADDRESS, func.instr(_ADDRESS, "@"))


@dataclass(frozen=True, slots=True)
class Scope:
    """The mails that somebody may see and steer."""

    #: Addresses and `@domains`, in lower case; empty for all.
    recipients: tuple[str, ...] = field(default=(), repr=False)
    #: Whether all others but those of test keys are left out.
    tests_only: bool = False

    def has(self, mail: Mail) -> bool:
        return is_among(mail.recipient, self.recipients) and (mail.test or not self.tests_only)

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        if self.recipients:
            yield _is_to(*self.recipients)
        if self.tests_only:
            yield mails.c.test.is_(True)


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Filter:
    """Some of the mails; with no more said, all of them."""

    state: State | None = None
    #: An address, in any case, or an `@domain`.
    recipient: str | None = field(default=None, repr=False)
    #: Only those older than the mail with this id.
    before: str | None = None
    scope: Scope = EVERYTHING

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """What a mail has to be, but for its state and its age."""
        if self.recipient is not None:
            yield _is_to(self.recipient.lower())
        yield from self.scope.conditions()


def _is_to(*recipients: str) -> ColumnElement[bool]:
    domains = [each for each in recipients if each.startswith("@")]
    addresses = [each for each in recipients if not each.startswith("@")]
    return or_(_ADDRESS.in_(addresses), _DOMAIN.in_(domains))
