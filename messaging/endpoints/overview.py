"""`GET /v1/overview`: how all of it stands."""

from http import HTTPStatus

from messaging.errors import ForbiddenError
from messaging.fields import take_texts
from messaging.gate import Gate
from messaging.outbox.filters import EVERYTHING
from messaging.overview import Overseer
from messaging.overview_document import overview_document, overview_line
from messaging.replies import Answer
from messaging.request import Request


class View:
    """Shows the overview to keys that see all mails.

    Args:
        gate: finds out who is calling.
        overseer: puts the overview together.
    """

    def __init__(self, gate: Gate, overseer: Overseer) -> None:
        self._gate = gate
        self._overseer = overseer

    def get(self, request: Request) -> Answer:
        texts = take_texts(request.query(), ("key",))
        _, key = self._gate.identify_known(request, texts.get("key"))
        if key.scope != EVERYTHING:
            raise ForbiddenError("this is about all mails, and this key sees some of them")
        overview = self._overseer.look()
        return Answer(HTTPStatus.OK, overview_line(overview), overview_document(overview))
