"""Dramatiq's in-process broker."""

from dramatiq.brokers.stub import StubBroker


class MemoryBroker(StubBroker):
    """The broker of the embedded mode: what it holds ends with the process, and is published again by the next."""

    def check(self, queue: str) -> None:
        """Do nothing: what is in this process is there."""
