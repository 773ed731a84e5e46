"""Puts a worker together from its settings, for a process of its own or inside the web process."""

from collections.abc import Callable
from dataclasses import dataclass

from config.broker import MailBroker, make_broker
from config.relay import Maildir, Relay
from config.settings import Settings
from messaging.outbox.database import Database
from messaging.outbox.outbox import Outbox
from workers.actor import declare_actor
from workers.delivery import Delivery
from workers.dispatcher import Dispatcher
from workers.leases import Leases
from workers.lifecycle import Lifecycle
from workers.transports.maildir import MaildirTransport
from workers.transports.smtp import SmtpTransport
from workers.transports.transport import Transport


@dataclass(frozen=True)
class WorkerParts:
    """What a process with workers in it needs to hold on to."""

    outbox: Outbox
    broker: MailBroker
    dispatcher: Dispatcher


def assemble_worker(settings: Settings, database: Database, forks: list[Callable[[], int]]) -> WorkerParts:
    """Wire a worker's parts; nothing is opened or started yet.

    Args:
        settings: what the environment decides.
        database: where the outbox is.
        forks: functions that Dramatiq's master runs beside its workers.
    """
    outbox = Outbox(database)
    leases = Leases(outbox, settings.lease_s)
    delivery = Delivery(
        outbox, leases, make_transport(settings.relay), settings.retry_schedule_s, settings.hold_probe_s
    )
    broker = make_broker(settings.broker_url, [Lifecycle(leases, delivery, forks)])
    declare_actor(broker, delivery)
    return WorkerParts(outbox, broker, Dispatcher(outbox, broker))


def make_transport(relay: Relay) -> Transport:
    return MaildirTransport(relay.path) if isinstance(relay, Maildir) else SmtpTransport(relay)
