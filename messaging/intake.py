"""Takes mails in: a draft becomes a row on the disk, and only then is anybody told."""

import logging
from collections.abc import Sequence
from typing import Final

from config.masking import mask
from messaging.draft import Draft
from messaging.outbox.accepting import Terms, Wanted
from messaging.outbox.errors import TermsError
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Accepted
from messaging.outbox.repeats import Once
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
            extras=draft.extras,
        )
        self._tell(accepted, request_id)
        return accepted

    def accept_all(
        self, drafts: Sequence[tuple[Draft, Terms]], once: Once | None, request_id: str, *, test: bool
    ) -> Sequence[Accepted | TermsError]:
        """Store mails together; returns for each what became of it, and those that are stored will be sent.

        Args:
            drafts: the mails, each with what decides whether it is stored.
            once: says which request it is; None if that makes no difference.
            request_id: names the request, for the log.
            test: whether they go through everything but the relay.

        Raises:
            OutboxUnavailableError: if none could be stored.
        """
        results = self._outbox.accept_all(
            [
                Wanted(self._sender, draft.recipient, draft.subject, draft.text, test, terms, draft.extras)
                for draft, terms in drafts
            ],
            once,
        )
        for result in results:
            if isinstance(result, Accepted):
                self._tell(result, request_id)
        return results

    def _tell(self, accepted: Accepted, request_id: str) -> None:
        mail = accepted.mail
        if accepted.repeated:
            _LOG.info("mail %s asked for again (request %s)", mail.id, request_id)
            return
        self._publisher.publish(mail.id)
        _LOG.info("mail %s accepted for %s (request %s)", mail.id, mask(mail.recipient), request_id)
