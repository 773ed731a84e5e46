"""Digests: names for what must not be kept as it is, such as addresses, that nobody else can make or guess."""

from hashlib import blake2b

from messaging.outbox.secret import DatabaseSecret


class Digests:
    """Makes digests with the database's secret, so that all programs of one database make the same.

    Args:
        secret: of the database.
    """

    def __init__(self, secret: DatabaseSecret) -> None:
        self._secret = secret

    def of(self, purpose: str, *parts: str) -> int:
        """Digest some texts into 64 bits; other texts, or the same ones put together otherwise, have another digest.

        Of a billion digests two are the same with a probability of 3 %; without the secret nobody finds out which.

        Args:
            purpose: of the digest; at most 16 characters.
            parts: the texts.

        Raises:
            OutboxUnavailableError: if the secret cannot be read.
        """
        # Each with its length, so that no two lists of texts look the same.
        content = "".join([f"{len(part)}:{part}" for part in parts]).encode()
        digest = blake2b(content, digest_size=8, key=self._secret.value, person=purpose.encode())
        return int.from_bytes(digest.digest(), "big", signed=True)
