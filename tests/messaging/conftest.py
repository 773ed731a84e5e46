"""The parts that most of these tests use."""

from tests.fixtures.disks import small_disk
from tests.fixtures.service import key, make_service, service
from tests.fixtures.storage import claims, clock, confirms, database, database_path, due, heartbeats, hold, outbox

__all__ = [
    "claims",
    "clock",
    "confirms",
    "database",
    "database_path",
    "due",
    "heartbeats",
    "hold",
    "key",
    "make_service",
    "outbox",
    "service",
    "small_disk",
]
