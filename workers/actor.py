"""The one Dramatiq actor: an id comes off the queue, its mail is delivered."""

import dramatiq

from config.broker import MailBroker
from config.message import ACTOR, QUEUE
from workers.delivery import Delivery


def declare_actor(broker: MailBroker, delivery: Delivery) -> None:
    """Make the workers of `broker` deliver what its queue names."""

    @dramatiq.actor(broker=broker, actor_name=ACTOR, queue_name=QUEUE)
    def deliver(mail_id: str) -> None:
        delivery.deliver(mail_id)
