"""Puts the web side together from its settings, but for the servers that it is behind."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector

from config.broker import MailBroker, make_queue
from config.message import QUEUE
from config.relay import Maildir
from config.settings import Settings
from messaging.application import Application, Wsgi
from messaging.clients import Clients
from messaging.conditions import Conditions
from messaging.digests import Digests
from messaging.endpoints.health import Check, Healthz, check_hold, check_log, check_seen
from messaging.endpoints.source import Compose
from messaging.gate import Gate
from messaging.greeting import Greeting
from messaging.instance import instance_of
from messaging.intake import Intake
from messaging.keys import Keys
from messaging.limits import Limits
from messaging.links import Links
from messaging.mailbox import Mailbox
from messaging.metrics.attempts import Attempts
from messaging.metrics.outbox import OutboxMetrics
from messaging.metrics.page import WithMetrics
from messaging.metrics.publishing import MeasuredPublisher, MeasuredQueue
from messaging.metrics.requests import MeasuredApplication
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.heartbeats import Heartbeats, Role
from messaging.outbox.listing import Listing
from messaging.outbox.outbox import Outbox
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.secret import DatabaseSecret, LinkSecret
from messaging.outbox.steering import Steering
from messaging.outbox.tallies import Tallies
from messaging.outlook import Outlook
from messaging.overview import Overseer
from messaging.publisher import BrokerPublisher
from messaging.repeats import Repeats
from messaging.routes import Parts, internal_router, public_router
from messaging.sending import Sending
from messaging.talktome import TalktomeLog
from messaging.waiting import Waits, most_waiting

#: Threads that never wait for a database that is slow: `talktome` and health go on.
_THREADS_FOR_OTHERS: Final = 4


@dataclass(frozen=True)
class WebParts:
    """What the web process needs to hold on to."""

    public: Wsgi
    internal: Wsgi
    publisher: BrokerPublisher
    waits: Waits


def assemble_web(
    settings: Settings, database: Database, broker: MailBroker, talktome: TalktomeLog, compose: Compose
) -> WebParts:
    """Wire the web side's parts; nothing is started yet, and of the database the service's own secret is read.

    Args:
        settings: what the environment decides.
        database: where the outbox is.
        broker: what ids are published to.
        talktome: the log.
        compose: makes of a mail what the relay gets; the workers know.

    Raises:
        OutboxUnavailableError: if the database is away.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    hold = RelayHold(database, settings.hold_probe_s)
    heartbeats = Heartbeats(database)
    registry.register(OutboxMetrics(database, hold, heartbeats, Attempts(database)))
    queue = MeasuredQueue(make_queue(broker), registry)
    publisher = BrokerPublisher(queue, DueMails(database, settings.poison_limit), hold, Confirms(database))
    outbox = Outbox(database, most_accepts=max(1, settings.web_threads - _THREADS_FOR_OTHERS))
    waits = Waits(outbox, most_waiting(settings.web_threads))
    gate = Gate(Keys(database), open_sendmail=settings.open_sendmail, allowed_recipients=settings.allowed_recipients)
    clients = Clients(settings.trusted_proxies, settings.proxy_addresses)
    secret = DatabaseSecret(database)
    # What is tried again was stored long ago, and is published by the one that is not measured.
    intake = Intake(outbox, MeasuredPublisher(publisher, registry), settings.mail_from)
    router = public_router(
        Parts(
            gate=gate,
            sending=_make_sending(settings, gate, Digests(secret), Links(LinkSecret(database)), clients, intake),
            outbox=outbox,
            outlook=Outlook(hold, heartbeats),
            listing=Listing(database),
            steering=Steering(database),
            publisher=publisher,
            overseer=Overseer(database, Tallies(database), heartbeats, hold, queue),
            waits=waits,
            compose=compose,
            talktome=talktome,
            mailbox=Mailbox(settings.relay.path) if isinstance(settings.relay, Maildir) else None,
            health=Healthz(instance_of(secret), clients).get,
        )
    )
    checks: dict[str, Check] = {
        "database": outbox.check,
        "broker": partial(broker.check, QUEUE),
        "talktome log": partial(check_log, talktome),
        "workers": partial(check_seen, heartbeats, Role.WORKER),
        "dispatcher": partial(check_seen, heartbeats, Role.DISPATCHER),
        "relay": partial(check_hold, hold),
    }
    limit = settings.max_body_bytes
    public = MeasuredApplication(Application(router, limit), router.label, registry)
    internal = WithMetrics(Application(internal_router(checks), limit), registry)
    return WebParts(public, internal, publisher, waits)


def _make_sending(
    settings: Settings, gate: Gate, digests: Digests, links: Links, clients: Clients, intake: Intake
) -> Sending:
    repeats = Repeats(digests, settings.repeat_window_s)
    conditions = Conditions(Limits(digests, settings), repeats, clients)
    greeting = Greeting(settings.greeting_subject, settings.greeting_text)
    return Sending(gate, links, conditions, intake, greeting)
