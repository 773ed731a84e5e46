"""On what terms an order is accepted."""

from messaging.clients import Clients
from messaging.gate import Caller
from messaging.limits import Limits
from messaging.order import Order
from messaging.outbox.accepting import Terms
from messaging.outbox.repeats import Once
from messaging.repeats import Repeats
from messaging.request import Request


class Conditions:
    """Puts together what the outbox has to look at when it accepts a mail.

    Args:
        limits: knows what a mail counts against.
        repeats: knows what tells a request from others.
        clients: knows where a request comes from.
    """

    def __init__(self, limits: Limits, repeats: Repeats, clients: Clients) -> None:
        self._limits = limits
        self._repeats = repeats
        self._clients = clients

    def of(self, order: Order) -> Terms:
        """Find the terms of an order.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        if order.link:
            # How many there may be was decided by who made it.
            return Terms(self._repeats.of_link(order.link))
        request, caller, draft = order.request, order.caller, order.draft
        peer = request.environ.get("REMOTE_ADDR", "")
        client = self._clients.name(peer, request.header("X-Forwarded-For"))
        uses = self._limits.uses(caller, client, draft.recipient)
        if order.idempotency_key is not None:
            return Terms(self._repeats.of_post(order, client, order.idempotency_key), uses)
        if request.method == "GET":
            return Terms(self._repeats.of_get(caller, client, draft), uses)
        return Terms(uses=uses)

    def of_batch(self, request: Request, caller: Caller, mails: object, key: str | None) -> Once | None:
        """What tells a request with many mails from others; None if it does not say.

        Args:
            request: the request.
            caller: who sent it.
            mails: all that it asks for.
            key: its idempotency key.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        return None if key is None else self._repeats.of_batch(caller, request.path, mails, key)
