"""What can go wrong with the outbox."""

from config.errors import MessagingError


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
