"""How all of it stands, as a process beside the service sees it."""

import contextlib
import logging

import pika

from config.broker_url import BrokerUrl
from config.mail_queue import QueueError
from config.message import QUEUE
from config.rabbitmq.broker import RabbitBroker
from config.rabbitmq.reasons import reason_of
from config.settings import Settings
from messaging.cli.service import Document
from messaging.outbox.database import Database
from messaging.outbox.heartbeats import Heartbeats
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.tallies import Tallies
from messaging.overview import Overseer
from messaging.overview_document import overview_document


class BrokerDepth:
    """Asks the broker how many ids lie in its queue, on a connection of its own.

    Args:
        url: what `BROKER_URL` says.
    """

    def __init__(self, url: BrokerUrl) -> None:
        self._url = url

    def depth(self) -> int:
        if self._url.embedded:
            raise QueueError("it is inside the web process")
        parameters = RabbitBroker(self._url, []).parameters
        try:
            with contextlib.closing(pika.BlockingConnection(parameters)) as connection:
                declared = connection.channel().queue_declare(QUEUE, passive=True)
        except Exception as error:  # pika lets those of the resolver and the socket through as they are
            raise QueueError(reason_of(error, parameters[-1])) from error
        count: int = declared.method.message_count
        return count


def overview(settings: Settings, database: Database) -> Document:
    """Put it together.

    Raises:
        OutboxUnavailableError: if the database is away.
    """
    # What goes wrong with the connection is in the document.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    hold = RelayHold(database, settings.hold_probe_s)
    overseer = Overseer(database, Tallies(database), Heartbeats(database), hold, BrokerDepth(settings.broker_url))
    return overview_document(overseer.look())
