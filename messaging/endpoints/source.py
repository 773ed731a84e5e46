"""`GET /v1/emails/ID/source`: a mail as the relay gets it."""

from collections.abc import Callable

from messaging.endpoints.emails import find
from messaging.fields import take_texts
from messaging.gate import Gate
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Extras, Mail
from messaging.replies import Reply, content
from messaging.request import Request

#: Composes a mail. Workers do that, whom this side does not know: the root of the process brings both together.
Compose = Callable[[Mail, Extras], bytes]


class Source:
    """Shows what a mail looks like, composed anew: it always is the same.

    Args:
        gate: finds out who is calling.
        outbox: knows the mails.
        compose: composes them.
    """

    def __init__(self, gate: Gate, outbox: Outbox, compose: Compose) -> None:
        self._gate = gate
        self._outbox = outbox
        self._compose = compose

    def get(self, request: Request) -> Reply:
        caller, _ = self._gate.identify_known(request, take_texts(request.query(), ("key",)).get("key"))
        mail = find(self._outbox, request.argument)
        self._gate.check_steering(caller, mail)
        return content(request, "message/rfc822", self._compose(mail, self._outbox.extras(mail)))
