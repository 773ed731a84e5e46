"""Delivers one mail: claim, compose, hand over, write down."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from config.masking import mask, masked
from messaging.outbox.claims import Claims
from messaging.outbox.clock import clock_ms
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.records import Attempt, Claim, Finish, Outcome
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.states import State
from workers.composing import compose
from workers.errors import BusyError, CrowdedError, DeliveryError, NotTriedError, RefusedError, RelayError
from workers.leases import Lease, Leases
from workers.policy import next_wait_s
from workers.transports.transport import Transport

_LOG: Final = logging.getLogger(__name__)

#: Wait between tries to write down what became of a mail, in seconds.
_WRITE_DOWN_EVERY_S: Final = 0.5

#: What is told of a mail whose last answer this process could not wait for.
_CUT_IN_DOUBT: Final = "cut by us at the end of this process, the relay may have it"

#: What ends the relay's hold where it has spoken to a mail of ours, whatever it said.
_ANSWERS: Final = (Outcome.SENT, Outcome.REFUSED, Outcome.BUSY)


class Delivery:
    """What the actor does with an id.

    Args:
        claims: where mails are claimed, and results written.
        leases: keeps the claims while mails are under way.
        hold: holds all mail while the relay is away.
        transport: hands mails to the relay.
        retry_schedule_s: waits between a mail's attempts, in seconds.
    """

    def __init__(
        self,
        claims: Claims,
        leases: Leases,
        hold: RelayHold,
        transport: Transport,
        retry_schedule_s: Sequence[float],
    ) -> None:
        self._claims = claims
        self._leases = leases
        self._hold = hold
        self._transport = transport
        self._retry_schedule_s = retry_schedule_s
        self._stopping = threading.Event()
        self._cut = threading.Event()
        self._given_up = threading.Event()

    def deliver(self, mail_id: str) -> None:
        """Deliver a mail if it is still waiting for that; an id that comes twice finds nothing to claim."""
        try:
            claim = self._claims.claim(mail_id)
        except OutboxUnavailableError as error:
            _LOG.warning("mail %s cannot be claimed, it stays due: %s", mail_id, error)
            return
        if claim is None:
            _LOG.debug("mail %s: nothing to claim", mail_id)
            return
        _LOG.debug("mail %s is claimed", mail_id)
        with self._leases.hold(claim) as lease:
            finish = self._try(claim, lease)
            self._insist(lambda: self._write_down(finish), mail_id)
        if claim.is_probe and _relay_answered(finish.attempt):
            _LOG.warning("the relay answers again: mails are sent")
            self._insist(self._hold.release, mail_id)

    def give_back(self) -> None:
        """Cut what the relay cannot have yet: this process ends. Each mail goes back to the queue, charged nothing."""
        self._stopping.set()
        self._transport.interrupt()

    def break_off(self) -> None:
        """Cut the rest: mails that the relay may have, and of which its answer is missing, go back, too."""
        self._stopping.set()
        self._cut.set()
        self._transport.abort()

    def give_up(self) -> None:
        """Insist no more on writing down what cannot be written: what the relay has taken may be sent once more."""
        self._given_up.set()

    def _try(self, claim: Claim, lease: Lease) -> Finish:
        mail, started_at = claim.mail, clock_ms()
        try:
            composed = compose(mail, claim.extras)
            if mail.test:
                return _tested(claim, started_at)
            receipt = self._transport.deliver(composed, lease.holds)
        except NotTriedError as error:
            # That a relay has no room for a connection more is nothing that anybody has to look after.
            level = logging.INFO if isinstance(error, CrowdedError) else logging.WARNING
            _LOG.log(level, "mail %s is not sent now: %s", mail.id, error)
            return Finish(claim, State.QUEUED, clock_ms(), charged=False, attempt=None)
        except DeliveryError as error:
            times = (started_at, error.connect_ms, error.transfer_ms)
            return self._after(claim, error, Attempt(mail.attempts, *times, _outcome(error), error.code, error.reply))
        except Exception as error:
            if _lacks_means(error):
                _LOG.warning("mail %s: this process lacks something", mail.id, exc_info=True)
                trouble = BusyError(f"trouble of ours: {type(error).__name__}")
                return self._after(
                    claim, trouble, Attempt(mail.attempts, started_at, 0, 0, Outcome.OURS, None, trouble.reply)
                )
            _LOG.exception("mail %s: a bug, the mail is failed", mail.id)
            reply = f"a bug of ours: {type(error).__name__}"
            return _final(claim, State.FAILED, Attempt(mail.attempts, started_at, 0, 0, Outcome.OURS, None, reply))
        _LOG.info("mail %s sent to %s (attempt %d)", mail.id, mask(mail.recipient), mail.attempts)
        times = (started_at, receipt.connect_ms, receipt.transfer_ms)
        return _final(claim, State.SENT, Attempt(mail.attempts, *times, Outcome.SENT, receipt.code, receipt.reply))

    def _after(self, claim: Claim, error: DeliveryError, attempt: Attempt) -> Finish:
        """Decide what becomes of a mail that the relay did not take."""
        mail_id = claim.mail.id
        if self._stopping.is_set() and error.code is None:
            # We cut the conversation ourselves.
            if not error.doubtful:
                return Finish(claim, State.QUEUED, clock_ms(), charged=False, attempt=None)
            if self._cut.is_set():
                attempt = replace(attempt, outcome=Outcome.OURS, reply=_CUT_IN_DOUBT)
                return Finish(claim, State.QUEUED, clock_ms(), charged=False, attempt=attempt)
        if isinstance(error, RelayError):
            self._insist(lambda: self._begin_hold(error), mail_id)
            return Finish(claim, State.QUEUED, clock_ms(), charged=False, attempt=attempt)
        wait_s = None
        if not isinstance(error, RefusedError):
            # Unsure means temporary.
            wait_s = next_wait_s(self._retry_schedule_s, claim.mail.attempts, error.retry_after_s)
        if wait_s is None:
            _LOG.warning("mail %s failed after %d attempts: %s", mail_id, claim.mail.attempts, error)
            return _final(claim, State.FAILED, attempt)
        _LOG.info("mail %s is tried again in %.0f s: %s", mail_id, wait_s, error)
        return Finish(claim, State.RETRYING, clock_ms() + int(wait_s * 1000), charged=True, attempt=attempt)

    def _begin_hold(self, error: RelayError) -> None:
        # Shown on the internal side, too, which knows no keys.
        reason = masked(str(error))
        if self._hold.begin(reason):
            _LOG.warning("the relay is held, mails wait: %s", reason)

    def _write_down(self, finish: Finish) -> None:
        if not self._claims.finish(finish):
            _LOG.warning("mail %s: the lease had ended, the result is not counted", finish.claim.mail.id)

    def _insist(self, write: Callable[[], None], mail_id: str) -> None:
        """Write until it is written: a 250 that is lost to a database that is away becomes a duplicate."""
        told = False
        while True:
            try:
                write()
                return
            except OutboxUnavailableError as error:
                if self._given_up.is_set():
                    _LOG.error("mail %s: the result is not written down, it may come twice: %s", mail_id, error)
                    return
                if not told:
                    _LOG.warning("mail %s: the result waits for the database: %s", mail_id, error)
                    told = True
                time.sleep(_WRITE_DOWN_EVERY_S)


def _tested(claim: Claim, started_at: int) -> Finish:
    _LOG.info("mail %s is a test key's: composed, and not handed to the relay", claim.mail.id)
    reply = "composed, and not handed to the relay: it was sent with a test key"
    return _final(claim, State.TESTED, Attempt(claim.mail.attempts, started_at, 0, 0, Outcome.TESTED, None, reply))


def _final(claim: Claim, state: State, attempt: Attempt) -> Finish:
    return Finish(claim, state, None, charged=True, attempt=attempt)


def _lacks_means(error: Exception) -> bool:
    """Whether it is for want of files, memory or threads, which a later try may have: no fault of mail or program."""
    no_thread = isinstance(error, RuntimeError) and "can't start new thread" in str(error)
    return no_thread or isinstance(error, OSError | MemoryError)


def _relay_answered(attempt: Attempt | None) -> bool:
    """Whether the relay has taken a mail, or said a word about it; that it hung up, or fell silent, is none."""
    if attempt is None or attempt.outcome not in _ANSWERS:
        return False
    return attempt.outcome is not Outcome.BUSY or attempt.code is not None


def _outcome(error: DeliveryError) -> Outcome:
    match error:
        case RefusedError():
            return Outcome.REFUSED
        case RelayError():
            return Outcome.RELAY
        case BusyError():
            return Outcome.BUSY
    return Outcome.BUSY
