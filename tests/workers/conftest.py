"""The parts that most of these tests use."""

from tests.fixtures.storage import clock, database, database_path, outbox

__all__ = ["clock", "database", "database_path", "outbox"]
