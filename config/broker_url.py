"""Which broker carries the ids: what `BROKER_URL` says, parsed."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from config.secret import Secret

ALLOWED: Final = "memory://, or amqp://[user:password@]host[:5672][/vhost] (amqps:// with TLS), several separated by ;"


@dataclass(frozen=True)
class BrokerUrl:
    """The embedded broker, or the hosts of a RabbitMQ to be tried in turn."""

    #: One URL a host; empty for the embedded broker.
    hosts: tuple[Secret, ...] = ()

    @property
    def embedded(self) -> bool:
        return not self.hosts

    def __str__(self) -> str:
        if self.embedded:
            return "memory, inside this process"
        return "RabbitMQ at " + ", ".join(urlsplit(host.reveal()).netloc.rpartition("@")[2] for host in self.hosts)


def parse_broker_url(value: str) -> BrokerUrl:
    """Parse `BROKER_URL`.

    Raises:
        ValueError: with what is allowed as its text.
    """
    if value == "memory://":
        return BrokerUrl()
    return BrokerUrl(tuple(_amqp(host.strip()) for host in value.split(";")))


def _amqp(url: str) -> Secret:
    import pika  # 50 ms that a command beside an embedded service need not wait for

    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("amqp", "amqps") and bool(parts.hostname) and parts.port != 0
        pika.URLParameters(url)
    except Exception:  # pika evaluates a part of the query as Python: SyntaxError, TypeError and others
        usable = False
    if not usable:
        raise ValueError(ALLOWED)
    return Secret(url)
