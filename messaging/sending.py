"""The one way in which a request sends a mail, whatever its path and form."""

from collections.abc import Mapping, Sequence
from math import ceil

from messaging.addresses import parse_recipient
from messaging.conditions import Conditions
from messaging.draft import Draft
from messaging.errors import BadRequestError, InvalidError, RequestError, TooManyRequestsError
from messaging.fields import take_texts
from messaging.gate import STRANGER, Caller, Gate
from messaging.greeting import Greeting, Names
from messaging.intake import Intake
from messaging.links import Links
from messaging.order import Order, Sent
from messaging.outbox.errors import LimitReachedError, LimitWasReachedError, TermsError
from messaging.outbox.records import NO_EXTRAS, Accepted, Extras, Mail
from messaging.repeats import IDEMPOTENCY_KEY, idempotency_key
from messaging.request import Request


def read_fields(request: Request, names: Names) -> dict[str, str]:
    """Read a mail's fields, and a key, out of a body that is a form or JSON.

    Raises:
        BadRequestError, InvalidError, UnsupportedTypeError: with the field and the reason.
    """
    take_texts(request.query(), ())
    fields = request.form((names.recipient,)) if request.has_form else request.json()
    texts = take_texts(fields, (*names, "key"))
    if names.recipient not in texts:
        raise InvalidError("an address is missing", field=names.recipient)
    return texts


class Sending:
    """Checks what a caller wants sent, and has it accepted.

    Args:
        gate: who may send what to whom.
        links: what they allow is in them.
        conditions: on what terms it is accepted.
        intake: takes the mail.
        greeting: sent where the caller has no words of their own.
    """

    def __init__(self, gate: Gate, links: Links, conditions: Conditions, intake: Intake, greeting: Greeting) -> None:
        self._gate = gate
        self._links = links
        self._conditions = conditions
        self._intake = intake
        self._greeting = greeting

    def order(
        self,
        request: Request,
        caller: Caller,
        fields: Mapping[str, str],
        names: Names,
        extras: Extras = NO_EXTRAS,
        number: int | None = None,
    ) -> Order:
        """Make an order of what the caller sent, or refuse.

        Args:
            request: what was sent.
            caller: who sent it.
            fields: the request's fields, the recipient among them.
            names: what the fields are called there.
            extras: what the mail has beside its words.
            number: which of the mails of its request it is; None if it is the only one.

        Raises:
            BadRequestError, UnauthorizedError, ForbiddenError, InvalidError: with the field and the reason.
        """
        to = parse_recipient(fields[names.recipient], names.recipient)
        self._gate.check_recipient(caller, to, names.recipient)
        draft = self._draft(caller, to, fields, names, extras)
        return Order(request, caller, draft, idempotency_key(request), number=number)

    def order_again(self, request: Request, caller: Caller, mail: Mail, extras: Extras) -> Order:
        """Make an order of a mail as another one was, or refuse.

        Args:
            request: what was sent.
            caller: who sent it, and sees the other one.
            mail: the other one.
            extras: what it has beside its words.

        Raises:
            BadRequestError, ForbiddenError: with the reason.
        """
        self._gate.check_recipient(caller, mail.recipient, "to")
        draft = Draft(mail.recipient, mail.subject, mail.text, extras)
        return Order(request, caller, draft, idempotency_key(request), test=mail.test)

    def order_by_link(self, request: Request, token: str, field: str) -> Order:
        """Make an order of what a link allows, or refuse.

        Args:
            request: what was sent.
            token: of the link.
            field: the parameter it stood in, for the error.

        Raises:
            BadRequestError, ForbiddenError, GoneError: with the field and the reason.
            OutboxUnavailableError: if it cannot be read now.
        """
        if idempotency_key(request) is not None:
            # Two answers to the question which request this is: one link under two of them would be one mail.
            raise BadRequestError(
                "goes with no link, which is one mail however often it is sent", field=IDEMPOTENCY_KEY
            )
        link = self._links.read(token, field)
        self._gate.check_recipient(STRANGER, link.draft.recipient, field)
        return Order(request, STRANGER, link.draft, None, link)

    def send(self, order: Order) -> Sent:
        """Have a mail accepted; it will be sent.

        Raises:
            TooManyRequestsError: if there is no room for it now.
            InvalidError: if its idempotency key stands for another mail.
            OutboxUnavailableError: if it could not be stored.
        """
        terms = self._conditions.of(order)
        try:
            accepted = self._intake.accept(
                order.draft, order.request.id, test=order.test or order.caller.tests, terms=terms
            )
        except TermsError as error:
            raise _refusal(error) from None
        return _sent(accepted, order)

    def send_all(
        self, request: Request, caller: Caller, mails: object, orders: Sequence[Order]
    ) -> Sequence[Sent | RequestError]:
        """Have the mails of one request accepted, each for itself.

        Args:
            request: what was sent.
            caller: who sent it.
            mails: all that it asks for.
            orders: what of that may be sent.

        Returns:
            For each order what became of it.

        Raises:
            OutboxUnavailableError: if none could be stored.
        """
        once = self._conditions.of_batch(request, caller, mails, idempotency_key(request))
        drafts = [(order.draft, self._conditions.of(order)) for order in orders]
        results = self._intake.accept_all(drafts, once, request.id, test=caller.tests) if drafts else ()
        return [
            _refusal(result) if isinstance(result, TermsError) else _sent(result, order)
            for result, order in zip(results, orders, strict=True)
        ]

    def _draft(self, caller: Caller, to: str, fields: Mapping[str, str], names: Names, extras: Extras) -> Draft:
        subject, text = fields.get(names.subject), fields.get(names.text)
        if subject is None and text is None and extras is NO_EXTRAS:
            self._gate.check_greeting(caller)
            return Draft(to, self._greeting.subject, self._greeting.text)
        self._gate.check_own_words(caller)
        return self._greeting.draft(to, subject, text, extras, names)


def _sent(accepted: Accepted, order: Order) -> Sent:
    replayed = accepted.repeated and order.idempotency_key is not None
    return Sent(accepted.mail, accepted.repeated and not replayed, replayed)


def _refusal(error: TermsError) -> RequestError:
    """What a client is told of a mail that is not accepted."""
    if isinstance(error, LimitWasReachedError):
        return TooManyRequestsError("a limit was reached when this request came first: ask in another one", 1)
    if isinstance(error, LimitReachedError):
        wait_s = ceil(error.wait_ms / 1000)
        return TooManyRequestsError(f"{error.about}; there is room again in {wait_s} s", wait_s)
    return InvalidError("was used for another request", field=IDEMPOTENCY_KEY)
