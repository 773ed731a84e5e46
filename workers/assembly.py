"""Puts a worker together from its settings, for a process of its own or inside the web process."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from config.broker import MailBroker, make_broker, make_queue
from config.relay import Maildir, Relay
from config.settings import Settings
from messaging.outbox.claims import Claims
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.heartbeats import Heartbeats
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.retention import Retention
from workers.actor import declare_actor
from workers.delivery import Delivery
from workers.dispatcher import Dispatcher
from workers.dispatcher_thread import DispatcherThread
from workers.leases import Leases
from workers.lifecycle import Lifecycle
from workers.pulse import period_s
from workers.transports.maildir import MaildirTransport
from workers.transports.smtp import SmtpTransport
from workers.transports.transport import Transport

#: Beats for which a lease that ended is watched: whoever lives has renewed it by then.
_WATCHED_BEATS: Final = 1.5


@dataclass(frozen=True)
class WorkerParts:
    """What a process with workers in it needs to hold on to."""

    broker: MailBroker
    due: DueMails
    dispatcher: Dispatcher
    dispatcher_thread: DispatcherThread


def assemble_worker(settings: Settings, database: Database, forks: list[Callable[[], int]]) -> WorkerParts:
    """Wire a worker's parts; nothing is opened or started yet.

    Args:
        settings: what the environment decides.
        database: where the outbox is.
        forks: functions that Dramatiq's master runs beside its workers.
    """
    claims = Claims(database, settings.lease_s)
    watch_s = _WATCHED_BEATS * period_s(settings.lease_s)
    due = DueMails(database, settings.poison_limit, lease_s=settings.lease_s, watch_s=watch_s)
    hold = RelayHold(database, settings.hold_probe_s)
    leases = Leases(claims)
    transport = make_transport(settings.relay, hold.takes_mails)
    delivery = Delivery(claims, leases, hold, transport, settings.retry_schedule_s)
    heartbeats = Heartbeats(database)
    broker = make_broker(settings.broker_url, [])
    retention = Retention(database, settings.retention_s)
    dispatcher = Dispatcher(due, hold, make_queue(broker), retention, heartbeats, Confirms(database))
    dispatcher_thread = DispatcherThread(dispatcher, heartbeats)
    broker.add_middleware(
        Lifecycle(delivery, leases, heartbeats, transport, dispatcher_thread, settings.lease_s, forks, database.hurry)
    )
    declare_actor(broker, delivery)
    return WorkerParts(broker, due, dispatcher, dispatcher_thread)


def make_transport(relay: Relay, takes_mails: Callable[[], bool]) -> Transport:
    return MaildirTransport(relay.path) if isinstance(relay, Maildir) else SmtpTransport(relay, takes_mails=takes_mails)
