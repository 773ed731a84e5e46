"""What a command ends with when it does not do what it was asked to, each with its exit codes."""

import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from config.errors import MessagingError

#: Exit codes: 0 done, 1 failed, 2 used wrongly; those of programs that a signal ends are 128 and its number.
FAILED: Final = 1
USED_WRONGLY: Final = 2
INTERRUPTED: Final = 130
NOBODY_READS: Final = 141

#: As every command's help says it.
EXIT_CODES: Final = "exit codes: 0 done, 1 failed, 2 used wrongly, 130 interrupted, 141 nobody reads the output"

#: What was asked for cannot be asked for.
_WRONG: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

#: Codes of <sysexits.h>, which programs that call `sendmail` know; to most of them EX_TEMPFAIL means: try again.
_SYSEXITS: Final[Mapping[int, int]] = {
    **dict.fromkeys(_WRONG, os.EX_DATAERR),
    HTTPStatus.UNAUTHORIZED: os.EX_CONFIG,
    HTTPStatus.FORBIDDEN: os.EX_NOPERM,
    HTTPStatus.INTERNAL_SERVER_ERROR: os.EX_SOFTWARE,
}


class CommandError(MessagingError):
    """Base of the errors that end a command; the text is one line."""

    #: Of the command.
    exit_code: int = FAILED
    #: Of `sendmail`.
    sysexit: int = os.EX_UNAVAILABLE


class UsageError(CommandError):
    """Raised when a command is not used as its help says."""

    exit_code = USED_WRONGLY
    sysexit = os.EX_USAGE


class NoUserError(CommandError):
    """Raised when a mail is for a local name that is nobody's."""

    exit_code = USED_WRONGLY
    sysexit = os.EX_NOUSER


class RefusedError(CommandError):
    """Raised when the service does not do what it is asked to.

    Args:
        words: why.
        status: what it says over HTTP, or would say.
    """

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.exit_code = USED_WRONGLY if status in _WRONG else FAILED
        self.sysexit = _SYSEXITS.get(status, os.EX_UNAVAILABLE)


class AwayError(CommandError):
    """Raised when the service, or its database, cannot be reached; later it may be."""

    sysexit = os.EX_TEMPFAIL
