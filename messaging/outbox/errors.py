"""What can go wrong with the outbox."""

from config.errors import MessagingError
from messaging.outbox.states import State


class OutboxError(MessagingError):
    """Base of the outbox's errors."""


class OutboxUnavailableError(OutboxError):
    """Raised when the database does not take or give what it should: away, locked for too long, full, broken."""


class SchemaTooNewError(OutboxError):
    """Raised when the database was made by a newer program than this one."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"the database has version {found}, this program knows {known}: run the newer program")
        #: The database's version.
        self.found = found
        #: The newest version that this program knows.
        self.known = known


class TermsError(OutboxError):
    """Base of the errors of a mail that is not accepted because of the terms that it came with."""


class LimitReachedError(TermsError):
    """Raised when there is no room for a mail now."""

    def __init__(self, about: str, wait_ms: int) -> None:
        super().__init__(about)
        #: What the limit is about, in words.
        self.about = about
        #: How long until there is room, in milliseconds.
        self.wait_ms = wait_ms


class LimitWasReachedError(TermsError):
    """Raised when a request comes again that there was no room for as a whole, for what of it was refused then."""


class OtherContentError(TermsError):
    """Raised when a request says that it repeats another one, and asks for something else."""


class StateForbidsError(OutboxError):
    """Raised when a mail's state does not allow what is to be done to it."""

    def __init__(self, state: State) -> None:
        super().__init__(f"the mail is {state.value}")
        self.state = state
