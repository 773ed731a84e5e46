"""The parts that most of these tests use."""

from tests.fixtures.disks import small_disk
from tests.fixtures.service import key, make_service, service
from tests.fixtures.storage import clock, database, database_path, outbox

__all__ = ["clock", "database", "database_path", "key", "make_service", "outbox", "service", "small_disk"]
