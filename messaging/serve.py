"""Root of the web process: puts it together, runs it, ends it in order."""

import logging
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Final

from dramatiq import Worker

from config.broker import check_reachable, make_broker
from config.errors import SettingError
from config.logs import configure_logging
from config.settings import Settings
from config.start import USED_WRONGLY, exit_with
from messaging.application import Application
from messaging.endpoints.action import Action
from messaging.endpoints.emails import Emails
from messaging.endpoints.health import Readiness, healthz
from messaging.endpoints.notify import Notify
from messaging.gate import Gate
from messaging.intake import Intake
from messaging.keys import Keys
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxError
from messaging.outbox.outbox import Outbox
from messaging.publisher import BrokerPublisher
from messaging.router import Router
from messaging.sending import Greeting, Sending
from messaging.server import Server
from messaging.talktome import TalktomeLog
from workers.assembly import WorkerParts, assemble_worker

_LOG: Final = logging.getLogger(__name__)

#: Where the talktome log goes when its usual place cannot be written and nobody asked for it.
FALLBACK_LOG: Final = Path("var/messaging_system.log")

#: Requests to the internal side that are answered at the same time.
_INTERNAL_THREADS: Final = 2

#: How long the embedded worker may take to finish what it has begun, in milliseconds: above its own grace.
_WORKER_STOP_MS: Final = 13_000

_PUBLISHER_STOP_S: Final = 1.0


def serve(settings: Settings) -> None:
    """Run the web process, with workers inside if the broker is the embedded one, until SIGTERM or SIGINT."""
    configure_logging(settings.log_format, settings.log_level)
    database = Database(settings.database_url)
    try:
        database.upgrade()
        talktome = _open_talktome(settings)
    except OutboxError as error:
        exit_with(error)
    except SettingError as error:
        exit_with(error, USED_WRONGLY)
    worker = _assemble_embedded(settings, database) if settings.broker_url.embedded else None
    outbox = worker.outbox if worker else Outbox(database)
    publisher = BrokerPublisher(worker.broker if worker else make_broker(settings.broker_url, []), outbox)
    try:
        servers = _make_servers(settings, outbox, Keys(database), publisher, talktome)
    except OSError as error:
        exit_with(error)
    stop = _stop_on_signals()
    publisher.start()
    running = _start_embedded(worker, settings, stop) if worker else None
    for server in servers:
        server.start()
    _say_where(settings, servers[0], talktome)
    stop.wait()
    _LOG.info("stopping: requests that were begun are answered, mails under way are finished or given back")
    for server in servers:
        server.stop()
    for server in servers:
        server.join()
    publisher.stop(_PUBLISHER_STOP_S)
    if running:
        running.stop(timeout=_WORKER_STOP_MS)
    database.close()
    talktome.close()


def _make_servers(
    settings: Settings, outbox: Outbox, keys: Keys, publisher: BrokerPublisher, talktome: TalktomeLog
) -> tuple[Server, Server]:
    """The public and the internal side."""
    gate = Gate(keys, open_sendmail=settings.open_sendmail, allowed_recipients=settings.allowed_recipients)
    intake = Intake(outbox, publisher, settings.mail_from)
    sending = Sending(gate, intake, Greeting(settings.greeting_subject, settings.greeting_text))
    action = Action(gate, sending, talktome)
    emails = Emails(gate, sending, outbox)
    notify = Notify(gate, sending, outbox)
    readiness = Readiness(
        {
            "database": outbox.check,
            "broker": partial(check_reachable, settings.broker_url),
            "talktome log": talktome.check,
        }
    )
    actions = {"GET": action.get, "POST": action.post, "HEAD": action.head}
    public = Router(
        {
            "/": actions,
            "/action": actions,
            "/v1/emails": {"POST": emails.post},
            "/notify/": {"POST": notify.post},
            "/healthz": {"GET": healthz},
        },
        {"/v1/emails/": {"GET": emails.get}, "/task_status/": {"GET": notify.status}},
    )
    internal = Router({"/livez": {"GET": healthz}, "/readyz": {"GET": readiness.get}})
    limit = settings.max_body_bytes
    return (
        Server(Application(public, limit), settings.listen, settings.web_threads, limit),
        Server(Application(internal, limit), settings.internal_listen, _INTERNAL_THREADS, limit),
    )


def _assemble_embedded(settings: Settings, database: Database) -> WorkerParts:
    worker = assemble_worker(settings, database, [])
    # A broker in memory begins empty: what was published to the one before it is published again.
    worker.outbox.forget_published()
    return worker


def _start_embedded(worker: WorkerParts, settings: Settings, stop: threading.Event) -> Worker:
    running = Worker(worker.broker, worker_threads=settings.worker_threads)
    running.start()
    threading.Thread(target=worker.dispatcher.run, args=(stop,), name="dispatcher", daemon=True).start()
    return running


def _open_talktome(settings: Settings) -> TalktomeLog:
    """The log at its place or, where nobody asked for that place, at one that can be written.

    Raises:
        SettingError: if the operator asked for a place that cannot be written.
    """
    log = _talktome_at(settings.talktome_log, settings)
    try:
        log.check()
    except OSError as error:
        if "TALKTOME_LOG" in settings.given:
            problem = f"{log.path} cannot be written ({error.strerror})"
            raise SettingError("TALKTOME_LOG", problem, "a file that can be") from None
        FALLBACK_LOG.parent.mkdir(parents=True, exist_ok=True)
        log = _talktome_at(FALLBACK_LOG, settings)
    return log


def _talktome_at(path: Path, settings: Settings) -> TalktomeLog:
    return TalktomeLog(path, settings.talktome_log_max_bytes, settings.talktome_log_backups)


def _stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set; the second signal ends the process at once."""
    stop = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def _say_where(settings: Settings, public: Server, talktome: TalktomeLog) -> None:
    url = f"http://{public.endpoint}"
    lines = [
        f"Messaging listens at {url} (health at http://{settings.internal_listen}/readyz)",
        f"  mail goes to {settings.relay}, from {settings.mail_from}; broker: {settings.broker_url}",
        f"  talktome log: {talktome.path}",
        "Try:",
        f"  curl '{url}/?sendmail=me@example.com'",
        f"  curl '{url}/?talktome'",
        f"  curl '{url}/action?sendmail=me@example.com&talktome'",
    ]
    print("\n".join(lines), file=sys.stderr, flush=True)
