"""The claims that this process holds."""

import contextlib
import threading
from collections.abc import Iterator

from messaging.outbox.claims import Claims
from messaging.outbox.records import Claim


class Leases:
    """Knows what is under way, so that it can be renewed and counted.

    Args:
        claims: where the leases are written.
    """

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        #: By mail and number: a machine that slept may hold an ended claim on a mail beside the newer one.
        self._held: dict[tuple[str, int], Claim] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def hold(self, claim: Claim) -> Iterator[None]:
        """Have the lease of `claim` renewed during the block."""
        key = (claim.mail.id, claim.number)
        with self._lock:
            self._held[key] = claim
        try:
            yield
        finally:
            with self._lock:
                del self._held[key]

    def count(self) -> int:
        return len(self._held)

    def renew(self) -> None:
        """Begin all leases anew.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        with self._lock:
            held = list(self._held.values())
        self._claims.renew(held)
