"""The parts that most of these tests use."""

from tests.fixtures.storage import clock, confirms, database, database_path, outbox

__all__ = ["clock", "confirms", "database", "database_path", "outbox"]
