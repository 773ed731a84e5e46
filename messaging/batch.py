"""Sends the mails of a list, each accepted or refused for itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from messaging.errors import RequestError
from messaging.gate import Caller
from messaging.greeting import Names
from messaging.order import Order, Sent
from messaging.repeats import REPLAYED
from messaging.replies import Answer, Headers
from messaging.request import Request
from messaging.sending import Sending
from messaging.submission import submission
from messaging.views import accepted_document


class NoneAcceptedError(RequestError):
    """Raised when no mail of a list was accepted; otherwise the same as the first one's refusal."""

    def __init__(self, first: RequestError, results: Mapping[str, Any]) -> None:
        super().__init__(f"no mail was accepted; the first one: {first.detail}", field=first.field)
        self.status = first.status
        self._first = first
        self._results = results

    def headers(self) -> Headers:
        return self._first.headers()

    def members(self) -> Mapping[str, Any]:
        return self._results


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of a list of mails, in its order."""

    results: Sequence[Sent | RequestError]

    def answer(self, remark: str) -> Answer:
        """Put it into words.

        Raises:
            NoneAcceptedError: if none was accepted.
        """
        sent = [result for result in self.results if isinstance(result, Sent)]
        refused = [result for result in self.results if isinstance(result, RequestError)]
        document = {
            "accepted": len(sent),
            "refused": len(refused),
            "results": [_document(result, remark) for result in self.results],
        }
        line = f"{len(sent)} mails accepted, {len(refused)} refused"
        if not sent:
            raise NoneAcceptedError(refused[0], document)
        replayed = all(result.replayed for result in sent)
        return Answer(HTTPStatus.ACCEPTED, line, document, [REPLAYED] if replayed else [])


def send_batch(sending: Sending, request: Request, caller: Caller, mails: Sequence[Any], names: Names) -> Batch:
    """Have each mail of a list accepted, or find out why it is not.

    Raises:
        OutboxUnavailableError: if none could be stored.
    """
    results: dict[int, Sent | RequestError] = {}
    orders: list[Order] = []
    for number, fields in enumerate(mails):
        try:
            wanted = submission(fields, names)
            order = sending.order(request, caller, wanted.texts, names, wanted.extras, number)
        except RequestError as error:
            results[number] = error
        else:
            orders.append(order)
    for order, result in zip(orders, sending.send_all(request, caller, mails, orders), strict=True):
        results[order.number or 0] = result
    return Batch([results[number] for number in range(len(mails))])


def _document(result: Sent | RequestError, remark: str) -> Mapping[str, Any]:
    if isinstance(result, Sent):
        return {"status": HTTPStatus.ACCEPTED, **accepted_document(result, remark)}
    field = {"field": result.field} if result.field else {}
    return {"status": result.status, "detail": result.detail, **field}
