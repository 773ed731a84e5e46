"""Root of the web process: puts it together, runs it, ends it in order."""

import logging
import signal
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector

from config import open_files
from config.broker import MailBroker, make_broker, make_queue
from config.errors import SettingError
from config.logs import configure_logging, say
from config.mail_queue import MailQueue
from config.masking import mask
from config.message import QUEUE
from config.processor import keep_to_one_processor
from config.settings import Settings
from config.start import USED_WRONGLY, exit_with
from config.uncaught import log_uncaught
from messaging.application import Application
from messaging.clients import Clients
from messaging.conditions import Conditions
from messaging.digests import Digests
from messaging.endpoints.health import Check, Healthz, check_hold, check_seen
from messaging.exposure import warning
from messaging.gate import Gate
from messaging.greeting import Greeting
from messaging.instance import instance_of
from messaging.intake import Intake
from messaging.keys import Keys
from messaging.limits import Limits
from messaging.links import Links
from messaging.metrics.attempts import Attempts
from messaging.metrics.outbox import OutboxMetrics
from messaging.metrics.page import WithMetrics
from messaging.metrics.publishing import MeasuredPublisher, MeasuredQueue
from messaging.metrics.requests import MeasuredApplication
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.errors import OutboxError
from messaging.outbox.heartbeats import Heartbeats, Role
from messaging.outbox.listing import Listing
from messaging.outbox.outbox import Outbox
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.secret import DatabaseSecret
from messaging.outbox.steering import Steering
from messaging.outbox.tallies import Tallies
from messaging.outlook import Outlook
from messaging.overview import Overseer
from messaging.publisher import BrokerPublisher, Publisher
from messaging.repeats import Repeats
from messaging.routes import Parts, internal_router, public_router
from messaging.sending import Sending
from messaging.server import ListenError, Server
from messaging.talktome import TalktomeLog
from messaging.waiting import Waits
from workers.assembly import assemble_worker
from workers.composing import source
from workers.embedded import EmbeddedWorker

_LOG: Final = logging.getLogger(__name__)

#: Where the talktome log goes when its usual place cannot be written and nobody asked for that.
FALLBACK_LOG: Final = Path("var/messaging_system.log")

#: Requests to the internal side that are answered at the same time.
_INTERNAL_THREADS: Final = 2

#: Threads that never wait for a database that is slow: `talktome` and health go on.
_THREADS_FOR_OTHERS: Final = 4

#: The part of the public side's threads that may wait for mails.
_WAITING_PART: Final = 0.25

_PUBLISHER_STOP_S: Final = 1.0

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings) -> None:
    """Run the web process, with workers inside if the broker is the embedded one, until SIGTERM or SIGINT."""
    keep_to_one_processor()
    open_files.allow_many()
    configure_logging(settings.log_format, settings.log_level)
    log_uncaught()
    database = Database(settings.database_url)
    try:
        database.upgrade()
        talktome = _open_talktome(settings)
    except OutboxError as error:
        exit_with(error)
    except SettingError as error:
        exit_with(error, USED_WRONGLY)

    embedded: EmbeddedWorker | None = None
    if settings.broker_url.embedded:
        parts = assemble_worker(settings, database, [])
        broker = parts.broker
        embedded = EmbeddedWorker(parts, settings.worker_threads)
    else:
        broker = make_broker(settings.broker_url, [])
    hold = RelayHold(database, settings.hold_probe_s)
    registry = CollectorRegistry()
    queue = MeasuredQueue(make_queue(broker), registry)
    outbox = Outbox(database, most_accepts=max(1, settings.web_threads - _THREADS_FOR_OTHERS))
    waits = Waits(outbox, max(1, int(settings.web_threads * _WAITING_PART)))
    publisher = BrokerPublisher(queue, DueMails(database, settings.poison_limit), hold)
    try:
        measured = MeasuredPublisher(publisher, registry)
        public, internal = _make_servers(
            settings, database, broker, queue, measured, hold, talktome, outbox, waits, registry
        )
    except ListenError as error:
        exit_with(error)

    _keep_stop_signals()
    publisher.start()
    if embedded:
        try:
            embedded.start()
        except OutboxError as error:
            exit_with(error)
    internal.start()
    public.start()
    _say_where(settings, public, internal, talktome)
    _wait_for_stop_signal()

    _LOG.info("stopping: requests that were begun are answered, mails under way are finished or given back")
    # All at the same time, since each may need all the time there is; what is accepted meanwhile stays due.
    if embedded:
        embedded.stop()
    waits.end()
    public.stop()
    internal.stop()
    public.join()
    internal.join()
    publisher.stop(_PUBLISHER_STOP_S)
    if embedded:
        embedded.join()
    database.close()
    talktome.close()


def _make_servers(
    settings: Settings,
    database: Database,
    broker: MailBroker,
    queue: MailQueue,
    publisher: Publisher,
    hold: RelayHold,
    talktome: TalktomeLog,
    outbox: Outbox,
    waits: Waits,
    registry: CollectorRegistry,
) -> tuple[Server, Server]:
    """The public and the internal side.

    Raises:
        ListenError: if one of them cannot be listened on.
    """
    heartbeats = Heartbeats(database)
    gate = Gate(Keys(database), open_sendmail=settings.open_sendmail, allowed_recipients=settings.allowed_recipients)
    clients = Clients(settings.trusted_proxies, settings.proxy_addresses)
    intake = Intake(outbox, publisher, settings.mail_from)
    sending = _make_sending(settings, gate, DatabaseSecret(database), clients, intake)
    checks: dict[str, Check] = {
        "database": outbox.check,
        "broker": partial(broker.check, QUEUE),
        "talktome log": talktome.check,
        "workers": partial(check_seen, heartbeats, Role.WORKER),
        "dispatcher": partial(check_seen, heartbeats, Role.DISPATCHER),
        "relay": partial(check_hold, hold),
    }
    registry.register(OutboxMetrics(database, hold, heartbeats, Attempts(database)))
    ProcessCollector(registry=registry)
    limit = settings.max_body_bytes
    parts = Parts(
        gate=gate,
        sending=sending,
        outbox=outbox,
        outlook=Outlook(hold, heartbeats),
        listing=Listing(database),
        steering=Steering(database),
        publisher=publisher,
        overseer=Overseer(Tallies(database), heartbeats, hold, queue),
        waits=waits,
        compose=source,
        talktome=talktome,
        health=Healthz(instance_of(DatabaseSecret(database)), clients).get,
    )
    router = public_router(parts)
    public = MeasuredApplication(Application(router, limit), router.label, registry)
    internal = WithMetrics(Application(internal_router(checks), limit), registry)
    return (
        Server(public, settings.listen, settings.web_threads, limit),
        Server(internal, settings.internal_listen, _INTERNAL_THREADS, limit),
    )


def _make_sending(settings: Settings, gate: Gate, secret: DatabaseSecret, clients: Clients, intake: Intake) -> Sending:
    digests = Digests(secret)
    repeats = Repeats(digests, settings.repeat_window_s)
    conditions = Conditions(Limits(digests, settings), repeats, clients)
    greeting = Greeting(settings.greeting_subject, settings.greeting_text)
    return Sending(gate, Links(secret), conditions, intake, greeting)


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
            raise SettingError("TALKTOME_LOG", problem, "a file that can be") from None
        log = talktome_at(FALLBACK_LOG, settings)
        try:
            FALLBACK_LOG.parent.mkdir(parents=True, exist_ok=True)
            log.check()
        except OSError:
            problem = f"neither {settings.talktome_log} nor {FALLBACK_LOG} can be written"
            raise SettingError("TALKTOME_LOG", problem, "a file that can be") from None
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
    url = f"http://{public.endpoint}"
    moved = "" if talktome.path == settings.talktome_log else f" ({settings.talktome_log} cannot be written)"
    lines = [
        f"Messaging listens at {url}, health at http://{internal.endpoint}/readyz",
        f"  mail goes to {settings.relay}, from {mask(settings.mail_from)}",
        f"  the broker is {settings.broker_url}",
        f"  the talktome log is {talktome.path}{moved}",
        "Try:",
        f"  curl '{url}/?sendmail=me@example.com'",
        f"  curl '{url}/?talktome'",
        f"  curl '{url}/action?sendmail=me@example.com&talktome'",
    ]
    if open_to_all := warning(settings):
        lines.append(open_to_all)
    say("\n".join(lines))
