"""Root of worker processes that one mail kills: `dramatiq tests.integration.poisoned_workers`."""

import os
from collections.abc import Callable

from workers.composing import Composed
from workers.transports.maildir import MaildirTransport
from workers.transports.transport import Receipt, always

_deliver = MaildirTransport.deliver


def _die_of_poison(self: MaildirTransport, mail: Composed, is_ours: Callable[[], bool] = always) -> Receipt:
    if mail.recipient.startswith("poison"):
        os._exit(1)
    return _deliver(self, mail, is_ours)


MaildirTransport.deliver = _die_of_poison  # type: ignore[method-assign]

from workers.main import dispatch  # noqa: E402, F401
