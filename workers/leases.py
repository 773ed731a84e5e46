"""Keeps the leases of mails that this process is working on from ending."""

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Final

from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Claim

_LOG: Final = logging.getLogger(__name__)

#: Renewals in the time of one lease: all but one of them may fail.
_RENEWALS: Final = 4


class Leases:
    """The claims that this process holds, renewed from a thread of its own.

    Args:
        outbox: where the leases are written.
        lease_s: how long one lasts.
    """

    def __init__(self, outbox: Outbox, lease_s: float) -> None:
        self._outbox = outbox
        self._lease_s = lease_s
        #: By mail and number: a machine that slept may hold an ended claim on a mail beside the newer one.
        self._held: dict[tuple[str, int], Claim] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()

    def claim(self, mail_id: str) -> Claim | None:
        return self._outbox.claim(mail_id, self._lease_s)

    @contextlib.contextmanager
    def hold(self, claim: Claim) -> Iterator[None]:
        """Renew the lease of `claim` during the block."""
        key = (claim.mail.id, claim.number)
        with self._lock:
            self._held[key] = claim
        try:
            yield
        finally:
            with self._lock:
                del self._held[key]

    def _run(self) -> None:
        while not self._ended.wait(self._lease_s / _RENEWALS):
            with self._lock:
                held = list(self._held.values())
            try:
                self._outbox.renew(held, self._lease_s)
            except OutboxUnavailableError as error:
                _LOG.warning("%d leases could not be renewed: %s", len(held), error)
