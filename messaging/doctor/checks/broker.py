"""The broker: that it is reached, has our queue as we declare it, takes and gives ids, and has no alarm."""

import contextlib
from typing import Final
from urllib.parse import unquote, urlsplit

import pika
import pika.exceptions

from config.broker_url import BrokerUrl
from config.message import QUEUE, encode
from config.rabbitmq.broker import RabbitBroker
from config.rabbitmq.reasons import misfit_of, reason_of
from messaging.doctor.finding import TroubleError

#: A routing key that no queue has: what is published by it is dropped.
_NOWHERE: Final = "messaging.doctor"

#: An id that no mail has: whoever takes it from the queue finds nothing to claim, and it goes by itself after a second.
_NO_MAIL: Final = encode("00000000-0000-0000-0000-000000000000")
_FOR_A_SECOND: Final = pika.BasicProperties(expiration="1000")

#: AMQP's reply code where a permission is lacking.
_ACCESS_REFUSED: Final = 403

#: How long an alarm may take to be told, in seconds.
_LISTEN_S: Final = 0.2

_ROOM: Final = {
    "memory": "Let it have more memory: rabbitmqctl set_vm_memory_high_watermark 0.4, or more of it in its machine",
    "disk": "Make room on its disk: more than disk_free_limit in rabbitmqctl status",
}


def check_broker(url: BrokerUrl) -> str:
    """Look at the broker, with a connection of our own.

    Raises:
        TroubleError: if ids could not be published to it now.
    """
    if url.embedded:
        return str(url)
    broker = RabbitBroker(url, [])
    try:
        connection = pika.BlockingConnection(broker.parameters)
    except Exception as error:  # pika lets those of the resolver and the socket through as they are
        raise _unreachable(url, broker, error) from None
    alarms: list[str] = []
    user = _user(url)
    connection.add_on_connection_blocked_callback(lambda _connection, notice: alarms.append(notice.method.reason))
    try:
        version = connection._impl.server_properties.get("version", "?")  # type: ignore[attr-defined] # noqa: SLF001
        waiting = _declare(broker, user, connection)
        # Only who publishes is told of an alarm, and one that waits for the confirm then waits for long.
        connection.channel().basic_publish("", _NOWHERE, b"")
        connection.process_data_events(_LISTEN_S)
        if not alarms:
            _publish(broker, user, connection)
            _take(broker, user, connection)
    finally:
        with contextlib.suppress(pika.exceptions.AMQPError):  # it is of no more use in any case
            connection.close()
    if alarms:
        advice = _ROOM["memory" if "memory" in alarms[0] else "disk"]
        raise TroubleError(f"an alarm is on, it takes nothing: {alarms[0]}", advice)
    return f"{url}, version {version}, {waiting} ids in its queue, confirms what is published"


def _declare(broker: RabbitBroker, user: str, connection: pika.BlockingConnection) -> int:
    try:
        answer = connection.channel().queue_declare(QUEUE, durable=True, arguments=broker.queue_arguments(QUEUE))
    except pika.exceptions.ChannelClosedByBroker as error:
        if error.reply_code == _ACCESS_REFUSED:
            raise _not_allowed(broker, user, "make its queue", error) from None
        words, _, _ = misfit_of(QUEUE, error).partition("; ")
        raise TroubleError(
            words, f"Delete it, it is made anew: {_rabbitmqctl(broker, 'delete_queue', QUEUE)}"
        ) from None
    return int(answer.method.message_count)


def _publish(broker: RabbitBroker, user: str, connection: pika.BlockingConnection) -> None:
    channel = connection.channel()
    channel.confirm_delivery()
    try:
        channel.basic_publish("", QUEUE, _NO_MAIL, _FOR_A_SECOND, mandatory=True)
    except pika.exceptions.ChannelClosedByBroker as error:
        raise _not_allowed(broker, user, "publish", error) from None
    except pika.exceptions.NackError:
        raise TroubleError(
            "it refuses what is published, by a limit on its queue",
            f"Find the policy, and remove it or let it take more: {_rabbitmqctl(broker, 'list_policies')}",
        ) from None


def _take(broker: RabbitBroker, user: str, connection: pika.BlockingConnection) -> None:
    channel = connection.channel()
    try:
        taken, _, _ = channel.basic_get(QUEUE)
    except pika.exceptions.ChannelClosedByBroker as error:
        raise _not_allowed(broker, user, "take ids from its queue", error) from None
    if taken and taken.delivery_tag is not None:
        channel.basic_nack(taken.delivery_tag)  # back to where it was


def _not_allowed(
    broker: RabbitBroker, user: str, what: str, error: pika.exceptions.ChannelClosedByBroker
) -> TroubleError:
    permit = _rabbitmqctl(broker, "set_permissions", user, "'.*' '.*' '.*'")
    return TroubleError(f"user {user} may not {what}: {error.reply_text}", f"Let it: {permit}")


def _unreachable(url: BrokerUrl, broker: RabbitBroker, error: Exception) -> TroubleError:
    words = reason_of(error, broker.parameters[-1])
    user, vhost = _user(url), broker.parameters[-1].virtual_host
    text = f"{error!r} {error.__cause__!r}"
    if "ACCESS_REFUSED" in words or "Authentication" in text:
        return TroubleError(
            f"{words}", f"Give user {user} the password of BROKER_URL: rabbitmqctl change_password {user} PASSWORD"
        )
    if "vhost" in words or "AccessDenied" in text:
        return TroubleError(
            words,
            f"Make it: rabbitmqctl add_vhost {vhost} && rabbitmqctl set_permissions -p {vhost} {user} '.*' '.*' '.*'",
        )
    return TroubleError(words, "Start RabbitMQ: systemctl start rabbitmq-server; or set BROKER_URL to where it is")


def _user(url: BrokerUrl) -> str:
    return unquote(urlsplit(url.hosts[-1].reveal()).username or "guest")


def _rabbitmqctl(broker: RabbitBroker, command: str, *arguments: str) -> str:
    return " ".join(["rabbitmqctl", command, "-p", str(broker.parameters[-1].virtual_host), *arguments])
