"""`/openapi.json`: what this interface takes and answers, for programs that read that."""

from functools import cached_property
from importlib.resources import files

from messaging.replies import Reply, content
from messaging.request import Request


class Description:
    """The description in `messaging/openapi.json`, kept by hand and held against the code by tests."""

    def get(self, request: Request) -> Reply:
        return content(request, "application/json", self._text)

    @cached_property
    def _text(self) -> bytes:
        return (files("messaging") / "openapi.json").read_bytes()
