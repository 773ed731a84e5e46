"""Root of worker processes that miss a dispatcher sooner: `dramatiq tests.integration.impatient_workers`."""

from messaging.outbox import heartbeats

# Above the time between two beats.
heartbeats.GONE_AFTER_MS = 12_000  # type: ignore[misc]

from workers.main import dispatch  # noqa: E402, F401
