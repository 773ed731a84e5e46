"""What the outbox gives out: a mail, a claim on it, an attempt at it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from messaging.outbox.clock import steady_s
from messaging.outbox.states import FINAL, State


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    name: str = field(repr=False)
    #: Its media type (RFC 6838), such as `application/pdf`.
    type: str = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Extras:
    """What few mails have beside a subject and a text."""

    #: The same as the text, for programs that show HTML.
    html: str | None = field(default=None, repr=False)
    #: Where answers are to go.
    reply_to: str | None = field(default=None, repr=False)
    attachments: tuple[Attachment, ...] = ()


NO_EXTRAS: Final = Extras()


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as the outbox has it, which shows neither whose it is nor what it says; times are milliseconds, UTC."""

    id: str
    state: State
    #: When it is looked at again; none once it is final.
    due_at: int | None
    #: Attempts charged to it.
    attempts: int
    created_at: int
    finished_at: int | None
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    #: Whether it was sent with a test key, and so goes through everything but the relay.
    test: bool
    #: Whether it has extras, which are kept beside it.
    rich: bool = False

    @property
    def final(self) -> bool:
        return self.state in FINAL


@dataclass(frozen=True, slots=True)
class Accepted:
    """A mail that is stored."""

    mail: Mail
    #: Whether it was stored before, for the same request.
    repeated: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to act on a mail until its lease ends."""

    mail: Mail
    #: Grows with every claim on this mail: a worker whose lease ended is known by its old number.
    number: int
    #: Whether this mail is the one that finds out whether the relay still has to be held.
    is_probe: bool = False
    extras: Extras = NO_EXTRAS
    #: When its lease began, by the steady clock.
    leased_at: float = field(default_factory=steady_s, compare=False)


class Outcome(StrEnum):
    """How an attempt ended, by whose doing."""

    #: The relay took the mail.
    SENT = "sent"
    #: The relay was not asked: a test key's mail.
    TESTED = "tested"
    #: The relay refused this mail for good.
    REFUSED = "refused"
    #: The relay asked to be tried again.
    BUSY = "busy"
    #: The relay is away or refuses us, not this mail.
    RELAY = "relay"
    #: A bug of ours, a lack of files, memory or threads, or the end of our process.
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at handing a mail to the relay."""

    #: 1 for the first one that was charged; a try that was not charged has the number of the next.
    number: int
    started_at: int
    #: Until the relay was ready for a mail: name resolution, TCP, TLS, login; 0 on a kept connection.
    connect_ms: int
    #: From `MAIL FROM` to the last answer.
    transfer_ms: int
    outcome: Outcome
    #: The relay's code; none where it did not answer.
    code: int | None
    #: The relay's words, or ours where it said none; relays like to repeat the address.
    reply: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Finish:
    """What a worker writes down when it lets go of a claim."""

    claim: Claim
    state: State
    #: When the mail is looked at again; none with a final state.
    due_at: int | None
    #: Whether the try counts as one of the mail's attempts.
    charged: bool
    #: None where nothing was tried.
    attempt: Attempt | None

    @property
    def outcome(self) -> Outcome | None:
        return self.attempt.outcome if self.attempt else None
