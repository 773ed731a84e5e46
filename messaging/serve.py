"""Root of the web process: puts it together, runs it, ends it in order."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from config import open_files
from config.broker import make_broker
from config.errors import SettingError
from config.logs import configure_logging, say
from config.masking import mask
from config.processor import keep_to_one_processor
from config.settings import MIB, Settings
from config.start import FAILED, USED_WRONGLY, exit_with
from config.uncaught import log_uncaught
from config.values import Endpoint
from messaging.assembly import assemble_web
from messaging.exposure import words_at_start
from messaging.first_key import show_first_key
from messaging.keys import Keys
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxError
from messaging.server import ListenError, Server, TakenError
from messaging.talktome import TalktomeLog
from workers.assembly import assemble_worker
from workers.composing import source
from workers.embedded import EmbeddedWorker

_LOG: Final = logging.getLogger(__name__)

#: Where the talktome log goes when its usual place cannot be written and nobody asked for that.
FALLBACK_LOG: Final = Path("var/messaging_system.log")

_WRITABLE: Final = "a file that can be, in a folder that can be, too, where it is rotated"

#: Requests to the internal side that are answered at the same time.
_INTERNAL_THREADS: Final = 2

_PUBLISHER_STOP_S: Final = 1.0

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings, *, first_key: bool = False) -> None:
    """Run the web process, with workers inside if the broker is the embedded one, until SIGTERM or SIGINT.

    Args:
        settings: what the environment decides.
        first_key: whether a key is made and shown where there is none.
    """
    _prepare_process(settings)
    database = Database(settings.database_url)
    try:
        database.upgrade()
        talktome = _open_talktome(settings)
        workers = assemble_worker(settings, database, []) if settings.broker_url.embedded else None
        embedded = EmbeddedWorker(workers, settings.worker_threads) if workers else None
        broker = workers.broker if workers else make_broker(settings.broker_url, [])
        web = assemble_web(settings, database, broker, talktome, source)
        with _named("LISTEN", settings.listen):
            public = Server(web.public, settings.listen, settings.web_threads, settings.max_body_bytes)
        with _named("INTERNAL_LISTEN", settings.internal_listen):
            internal = Server(web.internal, settings.internal_listen, _INTERNAL_THREADS, settings.max_body_bytes)
        if first_key:
            show_first_key(Keys(database), public.endpoint)
    except OutboxError as error:
        exit_with(error)
    except SettingError as error:
        exit_with(error, USED_WRONGLY)

    _keep_stop_signals()
    web.publisher.start()
    if embedded:
        try:
            embedded.start()
        except OutboxError as error:
            exit_with(error)
    internal.start(_end_process)
    public.start(_end_process)
    _say_where(settings, public, internal, talktome)
    _wait_for_stop_signal()

    _LOG.info("stopping: requests that were begun are answered, mails under way are finished or given back")
    # All at the same time, since each may need all the time there is; what is accepted meanwhile stays due.
    if embedded:
        embedded.stop()
    web.waits.end()
    public.stop()
    internal.stop()
    public.join()
    internal.join()
    web.publisher.stop(_PUBLISHER_STOP_S)
    if embedded:
        embedded.join()
    database.close()
    talktome.close()
    if public.died or internal.died:
        raise SystemExit(FAILED)


def _end_process() -> None:
    """Begin the end that SIGTERM begins: whoever started this process knows what to do when it is gone."""
    os.kill(os.getpid(), signal.SIGTERM)


def _prepare_process(settings: Settings) -> None:
    keep_to_one_processor()
    open_files.allow_many()
    configure_logging(settings.log_format, settings.log_level)
    log_uncaught()


@contextmanager
def _named(setting: str, where: Endpoint) -> Iterator[None]:
    """Exit where it cannot be listened on, with a line that names the setting: a bad value, or one for another time."""
    try:
        yield
    except ListenError as error:
        problem = f'"{where}" cannot be listened on ({error})'
        allowed = "an address of this machine, with a port that is free and that this user may listen on"
        exit_with(SettingError(setting, problem, allowed), FAILED if isinstance(error, TakenError) else USED_WRONGLY)


def _open_talktome(settings: Settings) -> TalktomeLog:
    """The log at its place or, where nobody asked for that place, at one that can be written.

    Raises:
        SettingError: if the operator asked for a place that cannot be written, or there is none that can.
    """
    log = talktome_at(settings.talktome_log, settings)
    try:
        log.check()
    except OSError as error:
        if "TALKTOME_LOG" in settings.given:
            problem = f"{log.path} cannot be written ({error.strerror})"
            raise SettingError("TALKTOME_LOG", problem, _WRITABLE) from None
        log = talktome_at(FALLBACK_LOG, settings)
        try:
            FALLBACK_LOG.parent.mkdir(parents=True, exist_ok=True)
            log.check()
        except OSError:
            problem = f"neither {settings.talktome_log} nor {FALLBACK_LOG} can be written"
            raise SettingError("TALKTOME_LOG", problem, _WRITABLE) from None
    return log


def talktome_at(path: Path, settings: Settings) -> TalktomeLog:
    """The talktome log as the settings have it, at some place."""
    return TalktomeLog(path, settings.talktome_log_max_bytes, settings.talktome_log_backups)


def _keep_stop_signals() -> None:
    """Keep signals that end the process until they are waited for; threads that start from now on never see them.

    A handler that sets an event would hang where it interrupts the very thread that is about to wait for that event.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)


def _wait_for_stop_signal() -> None:
    """Wait for the first signal that ends the process; the second one does so at once."""
    signal.sigwait(_STOP_SIGNALS)
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)


def _say_where(settings: Settings, public: Server, internal: Server, talktome: TalktomeLog) -> None:
    url = f"http://{public.endpoint.reachable}"
    moved = "" if talktome.path == settings.talktome_log else f" ({settings.talktome_log} cannot be written)"
    most_mib = settings.talktome_log_max_bytes * (settings.talktome_log_backups + 1) / MIB
    say(
        f"Messaging listens at http://{public.endpoint}, health at http://{internal.endpoint}/readyz\n"
        f"  mail goes to {settings.relay}, from {mask(settings.mail_from)}\n"
        f"  the broker is {settings.broker_url}\n"
        f"  the talktome log is {talktome.path}{moved}; all may write to it, it takes {most_mib:.3g} MiB at the most"
    )
    if settings.log_format == "text":  # people read along
        say(
            "Try:\n"
            f"  curl '{url}/?sendmail=me@example.com'\n"
            f"  curl '{url}/?talktome'\n"
            f"  curl '{url}/action?sendmail=me@example.com&talktome'\n"
            f"or, in a browser, {url}/"
        )
    if strangers := words_at_start(settings):
        say(strangers)
