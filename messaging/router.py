"""Which endpoint answers a method and a path."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from messaging.errors import MethodNotAllowedError, NotFoundError
from messaging.replies import Answer, Reply
from messaging.request import Request

Endpoint = Callable[[Request], Answer | Reply]
Methods = Mapping[str, Endpoint]

#: Stands in a path for the one segment that is its argument.
ARGUMENT: Final = "{id}"


class Router:
    """A table of paths, some of which have an argument in them.

    Args:
        table: methods by path.
    """

    def __init__(self, table: Mapping[str, Methods]) -> None:
        self.table: Final = table
        self._exact: dict[str, Methods] = {}
        #: By what stands before and after the argument.
        self._open: list[tuple[str, str, str, Methods]] = []
        for path, methods in table.items():
            before, argument, after = path.partition(ARGUMENT)
            if argument:
                self._open.append((path, before, after, _completed(methods)))
            else:
                self._exact[path] = _completed(methods)

    def label(self, path: str) -> str:
        """What a path is called in the table; empty if there is nothing at it."""
        if path in self._exact:
            return path
        opened = self._opened(path)
        return opened[0] if opened else ""

    def find(self, method: str, path: str) -> tuple[Endpoint, str]:
        """Find the endpoint and its argument.

        Raises:
            NotFoundError: if there is nothing at this path.
            MethodNotAllowedError: if there is, but not for this method.
        """
        methods, argument = self._exact.get(path), ""
        if methods is None:
            opened = self._opened(path)
            if opened is None:
                raise NotFoundError("there is nothing here")
            _, methods, argument = opened
        endpoint = methods.get(method)
        if endpoint is None:
            raise MethodNotAllowedError(", ".join(methods))
        return endpoint, argument

    def _opened(self, path: str) -> tuple[str, Methods, str] | None:
        """What a path with an argument is called in the table, its methods and the argument."""
        for label, before, after, methods in self._open:
            if path.startswith(before) and path.endswith(after):
                argument = path[len(before) : len(path) - len(after)]
                if argument and "/" not in argument:
                    return label, methods, argument
        return None


def _completed(methods: Methods) -> Methods:
    """Add the methods that follow from the others."""
    # RFC 9110, section 9.3.2: HEAD is GET without the content, where GET has no effect of its own.
    head = {"HEAD": methods["GET"]} if "GET" in methods and "HEAD" not in methods else {}
    allowed = ", ".join([*methods, *head, "OPTIONS"])
    options = Answer(HTTPStatus.NO_CONTENT, "", {}, [("Allow", allowed)])
    return {**methods, **head, "OPTIONS": lambda _request: options}
