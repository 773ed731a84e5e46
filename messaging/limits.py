"""What a mail counts against: the limits of keyless use, or that of a key."""

from functools import cached_property
from typing import Final

from config.settings import Settings
from messaging.addresses import canonical
from messaging.digests import Digests
from messaging.gate import Caller
from messaging.keys import Key
from messaging.outbox.uses import Use

_PURPOSE: Final = "use"


class Limits:
    """Finds what a caller's mail counts against; `messaging/outbox/uses.py` counts.

    Args:
        digests: of addresses and clients, which are not kept themselves.
        settings: `OPEN_PER_RECIPIENT`, `OPEN_PER_CLIENT` and `OPEN_TOTAL`.
    """

    def __init__(self, digests: Digests, settings: Settings) -> None:
        self._digests = digests
        self._per_recipient = settings.open_per_recipient
        self._per_client = settings.open_per_client
        self._total = settings.open_total

    def uses(self, caller: Caller, client: str, recipient: str) -> tuple[Use, ...]:
        """What a mail counts against.

        Args:
            caller: who sends it.
            client: where it comes from; see `clients.py`.
            recipient: whom it is for.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        if caller.key:
            return self._uses_of(caller.key)
        uses: list[Use] = []
        if rate := self._per_recipient:
            subject = self._digests.of(_PURPOSE, "recipient", canonical(recipient))
            uses.append(Use(subject, rate, "without a key one address may get"))
        if rate := self._per_client:
            subject = self._digests.of(_PURPOSE, "client", client)
            uses.append(Use(subject, rate, "without a key one client may send"))
        if rate := self._total:
            uses.append(Use(self._all_strangers, rate, "without a key all together may send"))
        return tuple(uses)

    def _uses_of(self, key: Key) -> tuple[Use, ...]:
        if key.rate is None:
            return ()
        return (Use(self._digests.of(_PURPOSE, "key", key.digest), key.rate, "this key may send"),)

    @cached_property
    def _all_strangers(self) -> int:
        return self._digests.of(_PURPOSE, "total")
