"""A worker is put together as its settings say."""

import pytest

from config.settings import Settings
from messaging.outbox.claims import Claims
from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Finish
from messaging.outbox.states import State
from tests.fixtures.clock import Clock
from tests.fixtures.storage import claimed, listed
from workers.assembly import assemble_worker
from workers.pulse import period_s


@pytest.mark.parametrize("lease", ["500ms", "2m", "1h"])
def test_a_lease_that_ended_is_watched_until_any_worker_that_lives_has_renewed_it(
    database: Database, lease: str
) -> None:
    settings = Settings.load({"LEASE": lease})
    watch_s = assemble_worker(settings, database, []).due._dead_workers._watch_s
    assert period_s(settings.lease_s) < watch_s <= 15


@pytest.mark.parametrize(("retention", "kept"), [("30d", 0), ("off", 1)])
def test_finished_mails_are_kept_for_as_long_as_the_settings_say(database: Database, retention: str, kept: int) -> None:
    long_ago = Clock()
    long_ago.now = clock_ms() - 31 * 86_400_000
    outbox, claims = Outbox(database, long_ago), Claims(database, 60.0, long_ago)
    claim = claimed(outbox, claims)
    assert claims.finish(Finish(claim, State.SENT, None, charged=True, attempt=None))
    parts = assemble_worker(Settings.load({"RETENTION": retention}), database, [])
    parts.dispatcher.open()
    parts.dispatcher._look()
    assert len(listed(outbox)) == kept
