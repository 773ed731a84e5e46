"""A mail: that one goes all the way."""

import time
from typing import Final

from config.masking import mask
from config.settings import Settings
from messaging.addresses import is_among
from messaging.doctor.finding import TroubleError
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail
from messaging.outbox.states import State

#: How long the mail may take, in seconds: a dispatcher finds it within one.
WITHIN_S: Final = 30.0

_LOOK_EVERY_S: Final = 0.1


def check_mail(outbox: Outbox, settings: Settings, recipient: str, within_s: float = WITHIN_S) -> str:
    """Have the greeting sent, and wait for it.

    Args:
        outbox: where it is stored; who sends it is the service.
        settings: what is sent, and by whom.
        recipient: to whom.
        within_s: how long it may take.

    Raises:
        TroubleError: if it was not sent.
    """
    if not is_among(recipient, settings.allowed_recipients):
        raise TroubleError(
            f"{mask(recipient)} is not among ALLOWED_RECIPIENTS, no mail was sent", "Say --send with one that is"
        )
    began = time.monotonic()
    subject, text = settings.greeting_subject, settings.greeting_text
    accepted = outbox.accept(sender=settings.mail_from, recipient=recipient, subject=subject, text=text)
    seen = _wait(outbox, accepted.mail, began + within_s)
    attempts = outbox.attempts(seen.id)
    reply = f": {attempts[-1].code or ''} {attempts[-1].reply}" if attempts else ""
    if seen.state is not State.SENT:
        raise TroubleError(
            f"mail {seen.id} to {mask(seen.recipient)} is {seen.state} after {time.monotonic() - began:.1f} s{reply}",
            "See the lines above; it is sent when what is wrong there is set right"
            if not seen.final
            else "The relay's words say why: another address, or another MAIL_FROM",
        )
    return f"mail {seen.id} to {mask(seen.recipient)} was sent in {time.monotonic() - began:.1f} s{reply}"


def _wait(outbox: Outbox, mail: Mail, give_up_at: float) -> Mail:
    """The mail as it is when it is final, or time is up."""
    while not mail.final and time.monotonic() < give_up_at:
        time.sleep(_LOOK_EVERY_S)
        mail = outbox.read(mail.id) or mail
    return mail
