"""Waits until a mail is final, and tells what keeps it."""

import time
from typing import Final

from messaging.cli.errors import INTERRUPTED, AwayError, RefusedError
from messaging.cli.output import say
from messaging.cli.service import Document, Service
from messaging.cli.words import state_words

#: How long is waited for one answer, in seconds: as often is said what keeps the mail, if that changed.
_LOOK_EVERY_S: Final = 5.0

#: Wait before a service that is away is asked again, in seconds.
_AGAIN_AFTER_S: Final = 1.0

#: States that say nothing: the mail is on its way.
_UNDER_WAY: Final = ("queued", "sending")


def wait_for(service: Service, accepted: Document, timeout_s: float) -> Document:
    """What is known of a mail when it is final, or the time is over.

    A service that is away is asked again until then: it may be starting anew.

    Raises:
        RefusedError: if that cannot be known.
        SystemExit: with that code when it is interrupted.
    """
    ends_at = time.monotonic() + timeout_s
    mail_id, known, said = accepted["id"], accepted, ""
    try:
        while not known.get("final"):
            left_s = ends_at - time.monotonic()
            if left_s <= 0:
                break
            try:
                known = service.wait(mail_id, min(left_s, _LOOK_EVERY_S))
            except AwayError as error:
                if str(error) != said:
                    say(f"{mail_id} is accepted, and it is asked again what becomes of it: {error}")
                said = str(error)
                time.sleep(min(left_s, _AGAIN_AFTER_S))
                continue
            words = state_words(known)
            if not known["final"] and words != said and (known["state"] not in _UNDER_WAY or known.get("remark")):
                say(f"{mail_id} {words}")
                said = words
    except RefusedError:
        say(f"{mail_id} is accepted; what becomes of it is not told")
        raise
    except KeyboardInterrupt:
        say(f"{mail_id} is accepted and will be sent; only the waiting ends")
        raise SystemExit(INTERRUPTED) from None
    return known
