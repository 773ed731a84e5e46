"""What a worker needs from a transport."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from workers.composing import Composed


@dataclass(frozen=True, slots=True)
class Receipt:
    """The relay's word that it took the mail."""

    #: Until the relay was ready for a mail; nothing on a kept connection.
    connect_ms: int
    #: From then to its answer.
    transfer_ms: int
    code: int | None
    reply: str = field(repr=False)


def always() -> bool:
    """What is so as long as nobody says otherwise."""
    return True


class Transport(Protocol):
    """Hands one mail to the relay; used by many threads at once."""

    def deliver(self, mail: Composed, is_ours: Callable[[], bool] = always) -> Receipt:
        """Return once the relay has taken the mail.

        Args:
            mail: which one.
            is_ours: whether it still is for us to send; asked just before the relay gets all of it.

        Raises:
            LeaseEndedError: if it is not.
            RefusedError: if it refuses this mail for good.
            BusyError: if this mail should be tried again later.
            RelayError: if the relay is away or refuses us.
        """
        ...

    def tidy(self) -> None:
        """Let go of what has not been used for a while; called every few seconds."""
        ...

    def interrupt(self) -> None:
        """Cut every conversation in which the relay cannot have the mail yet, and each that begins from now on."""
        ...

    def abort(self) -> None:
        """Cut every conversation that is under way; each ends in an error."""
        ...

    def close(self) -> None:
        """Let go of everything; nothing is under way."""
        ...
