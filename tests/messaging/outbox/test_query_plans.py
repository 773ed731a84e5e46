"""What a mail costs does not grow with the table: nothing that is done for each, or every second, reads all of it."""

import pytest
from sqlalchemy import event

from config.values import Rate
from messaging.outbox.accepting import Terms
from messaging.outbox.claims import Claims
from messaging.outbox.confirms import Confirms
from messaging.outbox.database import Database
from messaging.outbox.due import PUBLISHED_FOR_MS, DueMails
from messaging.outbox.filters import Filter
from messaging.outbox.heartbeats import Heartbeats
from messaging.outbox.ids import new_id
from messaging.outbox.listing import Listing
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Attempt, Claim, Finish, Outcome
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.repeats import Once
from messaging.outbox.retention import Retention
from messaging.outbox.states import State
from messaging.outbox.steering import CANCEL, RETRY, Steering
from messaging.outbox.tallies import Tallies
from messaging.outbox.uses import Use
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import LEASE_S, PROBE_EVERY_S, accept, claimed, listed


class Plans:
    """How the database carries out each statement that it is given, told by the statement."""

    def __init__(self, database: Database) -> None:
        self.found: dict[str, list[str]] = {}
        for engine in (database.accepting, database.recording, database.reading):
            event.listen(engine, "before_cursor_execute", self._explain)

    def _explain(
        self, _c: object, cursor: object, statement: str, values: object, _context: object, many: bool
    ) -> None:
        first = values[0] if many else values  # type: ignore[index]
        plan = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", first)  # type: ignore[attr-defined]
        self.found[" ".join(statement.split())] = [row[-1] for row in plan]

    def of(self, begin: str, *words: str) -> list[str]:
        """The plan of the one statement that begins like this and has these words."""
        plans = [
            plan
            for statement, plan in self.found.items()
            if statement.startswith(begin) and all(word in statement for word in words)
        ]
        assert len(plans) == 1, (begin, words, list(self.found))
        return plans[0]


@pytest.fixture
def plans(database: Database) -> Plans:
    return Plans(database)


def finish(claim: Claim, state: State) -> Finish:
    due_at = NOON_MS if state is State.RETRYING else None
    return Finish(claim, state, due_at, charged=True, attempt=Attempt(1, NOON_MS, 0, 3, Outcome.SENT, 250, "Ok"))


def test_nothing_that_is_done_again_and_again_reads_all_mails(
    database: Database,
    outbox: Outbox,
    claims: Claims,
    due: DueMails,
    hold: RelayHold,
    heartbeats: Heartbeats,
    confirms: Confirms,
    clock: Clock,
    plans: Plans,
) -> None:
    # All that happens to a mail.
    for state in (State.SENT, State.FAILED, State.RETRYING):
        claims.finish(finish(claimed(outbox, claims), state))
    due.mark_published([accept(outbox).id])
    due.mark_first_published([accept(outbox).id])
    confirms.came([accept(outbox).id])
    confirms.note()
    clock.pass_s(PUBLISHED_FOR_MS / 1000)
    assert due.take(10).waiting
    assert due.count_published()
    # Workers die with it.
    claim = claimed(outbox, claims)
    claims.renew([claim])
    poison: list[str] = []
    while not poison:
        clock.pass_s(LEASE_S)
        poison = due.take(10).poison
        claims.claim(claim.mail.id)
    # The relay is away.
    accept(outbox)
    hold.begin("away")
    clock.pass_s(PROBE_EVERY_S)
    due.reclaim()
    assert hold.take_probe()
    hold.release()
    # And the rest.
    due.forget_published()
    heartbeats.beat(NOON_MS, 1)
    outbox.read(claim.mail.id)
    outbox.attempts(claim.mail.id)
    outbox.published_at(claim.mail.id)
    listed(outbox)
    clock.pass_s(3600)
    assert Retention(database, 60, clock).prune()

    assert len(plans.found) > 25
    # The newest mails are read from the end of an index, as many as are asked for.
    tables = ("SCAN mails", "SCAN attempts", "SCAN confirms")
    scans = [
        (statement, step)
        for statement, plan in plans.found.items()
        for step in plan
        if step.startswith(tables) and "ORDER BY mails.id DESC LIMIT" not in statement
    ]
    assert not scans


def test_each_finds_its_mails_by_the_index_that_is_made_for_it(
    outbox: Outbox,
    claims: Claims,
    confirms: Confirms,
    due: DueMails,
    hold: RelayHold,
    clock: Clock,
    plans: Plans,
) -> None:
    by_id, by_time = "SEARCH mails USING INDEX sqlite_autoindex_mails_1 (id=?)", "SEARCH mails USING INDEX mails_due "
    claims.finish(finish(claimed(outbox, claims), State.SENT))
    claims.finish(finish(claimed(outbox, claims), State.FAILED))
    claims.renew([claimed(outbox, claims)])
    confirms.came([accept(outbox).id])
    confirms.note()
    for _ in range(3):
        clock.pass_s(LEASE_S)
        for mail_id in due.take(10).publish:
            claims.claim(mail_id)
    hold.begin("away")
    clock.pass_s(PROBE_EVERY_S)
    hold.take_probe()
    for plan, step in (
        (plans.of("UPDATE mails", "claims=(mails.claims"), by_id),
        (plans.of("UPDATE mails", "RETURNING id"), by_id),
        (plans.of("UPDATE mails", "mails.claims = ?", "published=?"), by_id),
        (plans.of("UPDATE mails SET due_at=? WHERE", "mails.claims = ?"), by_id),
        (plans.of("INSERT INTO confirms"), "SEARCH mails USING COVERING INDEX sqlite_autoindex_mails_1 (id=?)"),
        (plans.of("SELECT", "mails.state != ? ORDER BY mails.due_at LIMIT"), by_time),
        (plans.of("SELECT", "mails.due_at IS NOT NULL AND", "ORDER BY mails.due_at LIMIT"), by_time),
        (plans.of("SELECT mails.id FROM", "mails.deaths >= ?"), "SEARCH mails USING INDEX mails_died "),
        (plans.of("SELECT mails.id, mails.state, mails.claims", "mails.due_at <= ?"), by_time),
        (plans.of("SELECT mails.id, mails.state, mails.claims", "mails.due_at > ?"), by_time),
    ):
        assert any(line.startswith(step) for line in plan)


def test_what_counts_and_what_came_before_is_found_without_reading_all_of_it(
    database: Database, outbox: Outbox, clock: Clock, plans: Plans
) -> None:
    terms = Terms(Once(1, 0, 1000), (Use(1, Rate(3, 1.0), ""), Use(2, Rate(3, 1.0), "")))
    for _ in range(2):
        outbox.accept(sender="a@example.org", recipient="me@example.com", subject="s", text="t", terms=terms)
    clock.pass_s(3600)
    assert Retention(database, None, clock).prune() == 3
    for table in ("uses", "repeats"):
        assert f"SEARCH {table} USING INTEGER PRIMARY KEY (rowid=?)" in plans.of("SELECT", f"FROM {table}")
        assert any(
            f"USING INDEX {table}_end" in step or f"USING COVERING INDEX {table}_end" in step
            for step in plans.of(f"DELETE FROM {table}")
        )
    steps = [step for plan in plans.found.values() for step in plan]
    assert not [step for step in steps if step.startswith(("SCAN uses", "SCAN repeats"))]


def test_a_list_and_a_bulk_change_read_the_part_of_the_table_that_they_are_about(
    database: Database, outbox: Outbox, clock: Clock, plans: Plans
) -> None:
    accept(outbox)
    listing, steering = Listing(database), Steering(database, clock)
    by_id, aside, due = "mails USING INDEX sqlite_autoindex_mails_1", "mails USING INDEX mails_aside", "mails_due"
    for wanted, step in (
        (Filter(), f"SCAN {by_id}"),
        (Filter(before=new_id(NOON_MS)), f"SEARCH {by_id} (id<?)"),
        (Filter(State.SENT), f"SCAN {by_id}"),
        (Filter(State.FAILED), f"SEARCH {aside} (state=?)"),
        (Filter(State.FAILED, before=new_id(NOON_MS)), f"SEARCH {aside} (state=? AND id<?)"),
        (Filter(State.FAILED, recipient="@example.com"), f"SEARCH {aside} (state=?)"),
        (Filter(State.QUEUED), f"SEARCH mails USING INDEX {due} (due_at>?)"),
        (Filter(State.SENDING, recipient="@example.com"), f"SEARCH mails USING INDEX {due} (due_at>?)"),
    ):
        plans.found.clear()
        listing.page(wanted, 10)
        assert plans.of("SELECT mails.id, mails.state")[0] == step
    for deed, index in ((CANCEL, "mails_due"), (RETRY, "mails_aside")):
        plans.found.clear()
        steering.count(deed, Filter())
        steering.do_all(deed, Filter(recipient="me@example.com"))
        newest = next(statement for statement in plans.found if "max(" in statement)
        assert plans.found.pop(newest) == ["SEARCH mails USING COVERING INDEX sqlite_autoindex_mails_1"]
        selects = [plan for statement, plan in plans.found.items() if statement.startswith("SELECT")]
        assert len(selects) == 3
        assert all(index in plan[0] for plan in selects)


def test_the_overview_reads_the_backlog_and_the_counts_and_no_more(
    database: Database, outbox: Outbox, clock: Clock, plans: Plans
) -> None:
    accept(outbox)
    plans.found.clear()
    tallies = Tallies(database, clock)
    tallies.oldest_waiting()
    tallies.series(60_000, 60)
    assert sorted(step for plan in plans.found.values() for step in plan if not step.startswith("USE TEMP")) == [
        "SCALAR SUBQUERY 1",
        "SEARCH mails USING COVERING INDEX mails_due (due_at>?)",
        "SEARCH mails USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH tallies USING PRIMARY KEY (at>? AND at<?)",
    ]
