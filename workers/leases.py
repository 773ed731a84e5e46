"""The claims that this process holds."""

import contextlib
import math
import threading
from collections.abc import Iterator

from messaging.outbox.claims import Claims
from messaging.outbox.clock import steady_s
from messaging.outbox.records import Claim


class Lease:
    """What is known here of the lease of one claim.

    Args:
        claim: what is claimed.
        lease_s: how long it holds without being renewed, in seconds.
    """

    def __init__(self, claim: Claim, lease_s: float) -> None:
        self.claim = claim
        self._lease_s = lease_s
        self._began_at = claim.leased_at

    def holds(self) -> bool:
        """Whether nobody else can have the mail: it was renewed in time, also if this process stood still meanwhile."""
        return steady_s() - self._began_at < self._lease_s

    def renewed(self, at: float, was_ours: bool) -> None:
        """Note what came of a renewal that was begun at that time."""
        self._began_at = at if was_ours else -math.inf


class Leases:
    """Knows what is under way, so that it can be renewed and counted.

    Args:
        claims: where the leases are written.
    """

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        #: By mail and number: a machine that slept may hold an ended claim on a mail beside the newer one.
        self._held: dict[tuple[str, int], Lease] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def hold(self, claim: Claim) -> Iterator[Lease]:
        """Have the lease of `claim` renewed during the block."""
        key = (claim.mail.id, claim.number)
        lease = Lease(claim, self._claims.lease_s)
        with self._lock:
            self._held[key] = lease
        try:
            yield lease
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
        began_at = steady_s()
        for lease, was_ours in zip(held, self._claims.renew([lease.claim for lease in held]), strict=True):
            lease.renewed(began_at, was_ours)
