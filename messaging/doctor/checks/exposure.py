"""Keyless use: that what strangers may do is what the operator wants."""

from config.settings import Settings
from messaging.doctor.finding import TroubleError
from messaging.exposure import warning


def check_exposure(settings: Settings) -> str:
    """Say what strangers may do.

    Raises:
        TroubleError: if they can reach the service and may send, and nobody has said that this is meant.
    """
    open_to_all = warning(settings)
    if not open_to_all:
        closed = (
            "needs a key" if not settings.open_sendmail else "is for this machine alone, as far as the settings tell"
        )
        return f"sending {closed}"
    if "OPEN_SENDMAIL" in settings.given:
        return f"as OPEN_SENDMAIL says: {open_to_all.partition(';')[0]}"
    raise TroubleError(open_to_all.partition(";")[0], "Set OPEN_SENDMAIL=false; or OPEN_SENDMAIL=true if that is meant")
