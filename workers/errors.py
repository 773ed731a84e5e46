"""Why a mail was not taken: each type says whose fault it is, and so what happens next."""

from config.errors import MessagingError


class DeliveryError(MessagingError):
    """Base of what a transport raises; one that fits no other type is a `BusyError`: unsure means temporary."""

    def __init__(self, reply: str, code: int | None = None) -> None:
        super().__init__(f"{code} {reply}" if code else reply)
        #: The relay's words, or ours where it said none.
        self.reply = reply
        #: The relay's code; none where it did not answer.
        self.code = code
        #: Milliseconds until the relay was ready for a mail, and from then on.
        self.connect_ms = 0
        self.transfer_ms = 0


class RefusedError(DeliveryError):
    """Raised when the relay refuses this mail for good."""


class BusyError(DeliveryError):
    """Raised when the relay asks to be tried again, or when it may have taken the mail without saying so."""


class RelayError(DeliveryError):
    """Raised when the relay is away or refuses us: whatever is wrong, it is not this mail."""
