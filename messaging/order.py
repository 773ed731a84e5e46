"""An order: a mail that somebody may send; and what became of it."""

from dataclasses import dataclass, field

from messaging.draft import Draft
from messaging.gate import Caller
from messaging.links import Link
from messaging.outbox.records import Mail
from messaging.request import Request


@dataclass(frozen=True, slots=True)
class Order:
    """A mail that somebody may send, and all that its acceptance depends on."""

    request: Request
    caller: Caller
    draft: Draft
    #: None if the client gave none.
    idempotency_key: str | None = field(repr=False)
    #: What allows it, where the caller does not.
    link: Link | None = None
    #: Whether it goes through everything but the relay, whoever sends it.
    test: bool = False
    #: Which of the mails of its request it is; None if it is the only one.
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A mail that was accepted."""

    mail: Mail
    #: Whether it was so for an earlier request, and the client has to be told.
    repeated: bool
    #: Whether it was so for an earlier request of the same idempotency key, and the answer is the same.
    replayed: bool
