"""What a request may be answered with instead of what it asked for, each with its status."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from config.errors import MessagingError
from messaging.outbox.states import State


class RequestError(MessagingError):
    """Base of the errors that a client is told of; the text is one line and shows nothing that the client sent."""

    status: HTTPStatus

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        #: What is wrong, in one sentence.
        self.detail = detail
        #: The parameter, form field or JSON member that it is about.
        self.field = field

    def __str__(self) -> str:
        return f"{self.field}: {self.detail}" if self.field else self.detail

    def headers(self) -> list[tuple[str, str]]:
        """The header fields that this status asks for."""
        return []

    def members(self) -> Mapping[str, Any]:
        """What programs are told beyond the sentence."""
        return {}


class BadRequestError(RequestError):
    """Raised when a request cannot be understood."""

    status = HTTPStatus.BAD_REQUEST


class UnauthorizedError(RequestError):
    """Raised when a key is needed, or the one given is not ours."""

    status = HTTPStatus.UNAUTHORIZED

    def headers(self) -> list[tuple[str, str]]:
        # RFC 9110, section 15.5.2: a 401 "MUST send a WWW-Authenticate header field".
        return [("WWW-Authenticate", 'Bearer realm="messaging"')]


class ForbiddenError(RequestError):
    """Raised when the operator's settings do not allow it, whoever asks."""

    status = HTTPStatus.FORBIDDEN


class NotFoundError(RequestError):
    """Raised when there is nothing at this path."""

    status = HTTPStatus.NOT_FOUND


class MethodNotAllowedError(RequestError):
    """Raised when the path is known and the method is not."""

    status = HTTPStatus.METHOD_NOT_ALLOWED

    def __init__(self, allowed: str) -> None:
        super().__init__(f"this path answers {allowed}")
        self._allowed = allowed

    def headers(self) -> list[tuple[str, str]]:
        return [("Allow", self._allowed)]


class ConflictError(RequestError):
    """Raised when the state of a mail forbids what is asked for."""

    status = HTTPStatus.CONFLICT

    def __init__(self, state: State) -> None:
        super().__init__(f"the mail is {state.value}")
        self._state = state

    def members(self) -> Mapping[str, Any]:
        return {"state": self._state}


class GoneError(RequestError):
    """Raised when what is asked for was there, for a time."""

    status = HTTPStatus.GONE


class TooLargeError(RequestError):
    """Raised when a body is larger than `MAX_BODY_BYTES`."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedTypeError(RequestError):
    """Raised when a body is of a type that the path does not take."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class InvalidError(RequestError):
    """Raised when a request is understood and a value in it cannot be used."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooManyRequestsError(RequestError):
    """Raised when a limit is reached; the same request is let through after `retry_after_s` seconds."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self._retry_after_s = retry_after_s

    def headers(self) -> list[tuple[str, str]]:
        return [("Retry-After", str(self._retry_after_s))]


class UnavailableError(RequestError):
    """Raised when the request could not be carried out now; nothing of it was kept."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, detail: str, retry_after_s: int = 5) -> None:
        super().__init__(detail)
        self._retry_after_s = retry_after_s

    def headers(self) -> list[tuple[str, str]]:
        return [("Retry-After", str(self._retry_after_s))]


class InternalError(RequestError):
    """Raised in place of a bug's own exception, which only the log sees."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class ServerRefusalError(RequestError):
    """Raised in place of what Waitress says to a request that never reaches the application."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(code)
