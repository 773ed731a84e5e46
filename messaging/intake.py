"""Takes mails in: a draft becomes a row on the disk, and only then is anybody told."""

import logging
from typing import Final

from config.masking import mask
from messaging.draft import Draft
from messaging.outbox.accepting import Terms
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Accepted
from messaging.publisher import Publisher

_LOG: Final = logging.getLogger(__name__)


class Intake:
    """The only way into the outbox.

    Args:
        outbox: where mails are stored.
        publisher: told of each after it is stored.
        sender: the address that all mail comes from.
    """

    def __init__(self, outbox: Outbox, publisher: Publisher, sender: str) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._sender = sender

    def accept(self, draft: Draft, request_id: str, *, test: bool, terms: Terms) -> Accepted:
        """Store a mail; when this returns it will be sent, whatever goes down now.

        Args:
            draft: the mail.
            request_id: names the request, for the log.
            test: whether it goes through everything but the relay.
            terms: whether it is stored.

        Raises:
            OutboxUnavailableError: if it could not be stored.
            LimitReachedError, OtherContentError: if its terms forbid it.
        """
        accepted = self._outbox.accept(
            sender=self._sender,
            recipient=draft.recipient,
            subject=draft.subject,
            text=draft.text,
            test=test,
            terms=terms,
        )
        mail = accepted.mail
        if accepted.repeated:
            _LOG.info("mail %s asked for again (request %s)", mail.id, request_id)
            return accepted
        self._publisher.publish(mail.id)
        _LOG.info("mail %s accepted for %s (request %s)", mail.id, mask(mail.recipient), request_id)
        return accepted
