"""Which endpoint answers a method and a path."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from messaging.errors import MethodNotAllowedError, NotFoundError
from messaging.replies import Answer
from messaging.request import Request

Endpoint = Callable[[Request], Answer]
Methods = Mapping[str, Endpoint]


class Router:
    """A table of whole paths, and of paths whose last segment is an argument.

    Args:
        exact: methods by path.
        prefixes: methods by the path up to and with its last slash; what follows is the argument.
    """

    def __init__(self, exact: Mapping[str, Methods], prefixes: Mapping[str, Methods] | None = None) -> None:
        self._exact = {path: _completed(methods) for path, methods in exact.items()}
        self._prefixes = {path: _completed(methods) for path, methods in (prefixes or {}).items()}

    @property
    def paths(self) -> list[str]:
        """All there are; below one that ends in a slash there may be others."""
        return [*self._exact, *self._prefixes]

    def find(self, method: str, path: str) -> tuple[Endpoint, str]:
        """Find the endpoint and its argument.

        Raises:
            NotFoundError: if there is nothing at this path.
            MethodNotAllowedError: if there is, but not for this method.
        """
        methods, argument = self._exact.get(path), ""
        if methods is None:
            prefix, slash, argument = path.rpartition("/")
            methods = self._prefixes.get(prefix + slash) if argument else None
        if methods is None:
            raise NotFoundError("there is nothing here")
        endpoint = methods.get(method)
        if endpoint is None:
            raise MethodNotAllowedError(", ".join(methods))
        return endpoint, argument


def _completed(methods: Methods) -> Methods:
    """Add the methods that follow from the others."""
    # RFC 9110, section 9.3.2: HEAD is GET without the content, where GET has no effect of its own.
    head = {"HEAD": methods["GET"]} if "GET" in methods and "HEAD" not in methods else {}
    allowed = ", ".join([*methods, *head, "OPTIONS"])
    options = Answer(HTTPStatus.NO_CONTENT, "", {}, [("Allow", allowed)])
    return {**methods, **head, "OPTIONS": lambda _request: options}
