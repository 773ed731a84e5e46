"""Why a mail was not taken: each type says whose fault it is, and so what happens next."""

from config.errors import MessagingError


class DeliveryError(MessagingError):
    """Base of what a transport raises."""

    def __init__(self, reply: str, code: int | None = None) -> None:
        super().__init__(f"{code} {reply}" if code else reply)
        #: The relay's words, or ours where it said none.
        self.reply = reply
        #: The relay's code; none where it did not answer.
        self.code = code
        #: Whether the connection ended and the relay does not have the mail: another connection may do.
        self.gone = False
        #: Whether the relay may have the mail, since it was all said and only the answer is missing.
        self.doubtful = False
        #: When the relay asked to be tried again, in seconds; none where it did not say.
        self.retry_after_s: float | None = None
        #: Milliseconds until the relay was ready for a mail, and from then on.
        self.connect_ms = 0
        self.transfer_ms = 0


class RefusedError(DeliveryError):
    """Raised when the relay refuses this mail for good."""


class BusyError(DeliveryError):
    """Raised when this mail is to be tried again; also when it is unsure whose fault it is, or what became of it."""

    def __init__(self, reply: str, code: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(reply, code)
        self.retry_after_s = retry_after_s


class NotTriedError(DeliveryError):
    """Base of what is raised where the relay was not asked to take the mail."""


class CrowdedError(NotTriedError):
    """Raised when the relay takes mails, and takes no more connections."""


class LeaseEndedError(NotTriedError):
    """Raised when another worker may have the mail by now."""

    def __init__(self) -> None:
        super().__init__("this worker stood still for longer than its lease, another one may have it")


class RelayError(DeliveryError):
    """Raised when the relay is away or refuses us: whatever is wrong, it is not this mail."""
