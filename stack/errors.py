"""What can go wrong with the servers of the stack."""

from config.errors import MessagingError


class StackError(MessagingError):
    """Raised when a server cannot be had, started or run; its text is the one line that the operator needs."""


class MissingError(StackError):
    """Raised when a program is neither on this machine nor can be installed."""


class ServerError(StackError):
    """Raised when a server does not start, or does not do what it is told."""
