"""Delivers one mail: claim, compose, hand over, write down."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final

from messaging.addresses import mask
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import Outbox, clock_ms
from messaging.outbox.records import Attempt, Claim, Finish, Outcome
from messaging.outbox.states import State
from workers.composing import compose
from workers.errors import BusyError, DeliveryError, RefusedError, RelayError
from workers.leases import Leases
from workers.policy import jittered_s, next_wait_s
from workers.transports.transport import Transport

_LOG: Final = logging.getLogger(__name__)

#: How long a worker goes on trying to write down what became of a mail, and the wait between tries, in seconds.
_WRITE_DOWN_FOR_S: Final = 60.0
_WRITE_DOWN_EVERY_S: Final = 0.5


class Delivery:
    """What the actor does with an id.

    Args:
        outbox: where the result is written.
        leases: claims mails, and keeps the claims.
        transport: hands mails to the relay.
        retry_schedule_s: waits between a mail's attempts, in seconds.
        hold_probe_s: wait after the relay was away, in seconds.
    """

    def __init__(
        self,
        outbox: Outbox,
        leases: Leases,
        transport: Transport,
        retry_schedule_s: Sequence[float],
        hold_probe_s: float,
    ) -> None:
        self._outbox = outbox
        self._leases = leases
        self._transport = transport
        self._retry_schedule_s = retry_schedule_s
        self._hold_probe_s = hold_probe_s
        self._stopping = threading.Event()

    def deliver(self, mail_id: str) -> None:
        """Deliver a mail if it is still waiting for that; an id that comes twice finds nothing to claim."""
        claim = self._leases.claim(mail_id)
        if claim is None:
            _LOG.debug("mail %s: nothing to claim", mail_id)
            return
        with self._leases.hold(claim):
            self._write_down(self._try(claim))

    def give_back(self) -> None:
        """Cut what is under way: this process ends. Each mail goes back to the queue, charged nothing."""
        self._stopping.set()
        self._transport.abort()

    def _try(self, claim: Claim) -> Finish:
        mail, started_at = claim.mail, clock_ms()
        try:
            receipt = self._transport.deliver(compose(mail))
        except DeliveryError as error:
            attempt = Attempt(
                mail.attempts,
                started_at,
                error.connect_ms,
                error.transfer_ms,
                _outcome(error),
                error.code,
                error.reply,
            )
            return self._after(claim, error, attempt)
        except Exception as error:
            _LOG.exception("mail %s: a bug, the mail is failed", mail.id)
            reply = f"a bug of ours: {type(error).__name__}"
            attempt = Attempt(mail.attempts, started_at, 0, 0, Outcome.OURS, None, reply)
            return Finish(claim, State.FAILED, None, charged=True, attempt=attempt)
        _LOG.info("mail %s sent to %s (attempt %d)", mail.id, mask(mail.recipient), mail.attempts)
        attempt = Attempt(
            mail.attempts,
            started_at,
            receipt.connect_ms,
            receipt.transfer_ms,
            Outcome.SENT,
            receipt.code,
            receipt.reply,
        )
        return Finish(claim, State.SENT, None, charged=True, attempt=attempt)

    def _after(self, claim: Claim, error: DeliveryError, attempt: Attempt) -> Finish:
        """Decide what becomes of a mail that the relay did not take."""
        mail_id, attempts = claim.mail.id, claim.mail.attempts
        if self._stopping.is_set() and not isinstance(error, RefusedError):
            return Finish(claim, State.QUEUED, clock_ms(), charged=False, attempt=None)
        if isinstance(error, RelayError):
            _LOG.warning("mail %s waits for the relay: %s", mail_id, error)
            return Finish(claim, State.RETRYING, _in(jittered_s(self._hold_probe_s)), charged=False, attempt=attempt)
        wait_s = None if isinstance(error, RefusedError) else next_wait_s(self._retry_schedule_s, attempts)
        if wait_s is None:
            _LOG.warning("mail %s failed after %d attempts: %s", mail_id, attempts, error)
            return Finish(claim, State.FAILED, None, charged=True, attempt=attempt)
        _LOG.info("mail %s is tried again in %.0f s: %s", mail_id, wait_s, error)
        return Finish(claim, State.RETRYING, _in(wait_s), charged=True, attempt=attempt)

    def _write_down(self, finish: Finish) -> None:
        """Write the result down; what the relay said must not be lost to a database that is away for a moment."""
        give_up_at = time.monotonic() + _WRITE_DOWN_FOR_S
        while True:
            try:
                if not self._outbox.finish(finish):
                    _LOG.warning("mail %s: the lease had ended, the result is not counted", finish.claim.mail.id)
                return
            except OutboxUnavailableError as error:
                if time.monotonic() > give_up_at:
                    _LOG.error("mail %s: %s is not written down: %s", finish.claim.mail.id, finish.state, error)
                    return
                time.sleep(_WRITE_DOWN_EVERY_S)


def _outcome(error: DeliveryError) -> Outcome:
    match error:
        case RefusedError():
            return Outcome.REFUSED
        case RelayError():
            return Outcome.RELAY
        case BusyError():
            return Outcome.BUSY
    return Outcome.BUSY


def _in(seconds: float) -> int:
    """The time so many seconds from now, as the outbox counts it."""
    return clock_ms() + int(seconds * 1000)
