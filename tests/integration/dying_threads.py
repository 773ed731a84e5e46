"""Root of worker processes whose threads die of some mails: `dramatiq tests.integration.dying_threads`."""

import threading
from collections.abc import Callable

from dramatiq.broker import MessageProxy
from dramatiq.worker import ConsumerThread

from workers.composing import Composed
from workers.transports.maildir import MaildirTransport
from workers.transports.transport import Receipt, always

_deliver = MaildirTransport.deliver
_post_process = ConsumerThread.post_process_message

_dying: set[threading.Thread] = set()
_seen: set[str] = set()


def _break_off(self: MaildirTransport, mail: Composed, is_ours: Callable[[], bool] = always) -> Receipt:
    poison = mail.recipient.startswith("poison")
    if poison or (mail.recipient.startswith("once") and mail.recipient not in _seen):
        _seen.add(mail.recipient)
        _dying.add(threading.current_thread())
        raise SystemExit
    return _deliver(self, mail, is_ours)


def _die(self: ConsumerThread, message: MessageProxy) -> None:
    # Dramatiq catches whatever an actor raises; what is raised where it acknowledges the message ends the thread.
    if threading.current_thread() in _dying:
        raise SystemExit
    _post_process(self, message)


MaildirTransport.deliver = _break_off  # type: ignore[method-assign]
ConsumerThread.post_process_message = _die  # type: ignore[method-assign]

from workers.main import dispatch  # noqa: E402, F401
