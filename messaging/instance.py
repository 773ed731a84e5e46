"""Names this service: all processes of one database have the same name, and nobody else has it."""

from messaging.digests import Digests
from messaging.outbox.secret import DatabaseSecret


def instance_of(secret: DatabaseSecret) -> str:
    """The name, which tells nothing of the secret that it is made with.

    Raises:
        OutboxUnavailableError: if that cannot be read.
    """
    return f"{Digests(secret).of('instance') & (2**64 - 1):016x}"
