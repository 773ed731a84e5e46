"""A worker is put together as its settings say."""

import pytest

from config.settings import Settings
from messaging.outbox.database import Database
from workers.assembly import assemble_worker
from workers.pulse import period_s


@pytest.mark.parametrize("lease", ["500ms", "2m", "1h"])
def test_a_lease_that_ended_is_watched_until_any_worker_that_lives_has_renewed_it(
    database: Database, lease: str
) -> None:
    settings = Settings.load({"LEASE": lease})
    watch_s = assemble_worker(settings, database, []).due._watch_s
    assert period_s(settings.lease_s) < watch_s <= 15
