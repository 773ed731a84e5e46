"""Threads that write at the same time share transactions, and each gets its own result."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

from messaging.outbox import database as module
from messaging.outbox import group_commit as group_module
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.group_commit import GroupCommit
from tests.fixtures.storage import connected, locked, url_of
from tests.fixtures.waiting import until


class Writer:
    """Writes numbers as keys; remembers each batch, and can be held up in the first."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.began = threading.Event()
        self._go_on = threading.Event()
        if not held:
            self._go_on.set()

    def __call__(self, connection: Connection, batch: Sequence[int]) -> Sequence[str]:
        self.batches.append(list(batch))
        self.began.set()
        assert self._go_on.wait(10)
        for number in batch:
            connection.execute(
                text("INSERT INTO keys (digest, name, created_at) VALUES (:n, :n, 0)"), {"n": str(number)}
            )
        return [f"result of {number}" for number in batch]

    def go_on(self) -> None:
        self._go_on.set()


def submit_behind(
    group: GroupCommit[int, str], writer: Writer, numbers: Sequence[int], pool: ThreadPoolExecutor
) -> list[Future[str]]:
    """Submit the first number, and the others, in their order, while the first is being written."""
    futures = [pool.submit(group.submit, numbers[0])]
    assert writer.began.wait(10)
    for waiting, number in enumerate(numbers[1:], start=1):
        futures.append(pool.submit(group.submit, number))
        until(lambda waiting=waiting: len(group._waiting) == waiting)  # type: ignore[misc]
    return futures


def written(path: Path) -> set[int]:
    with connected(path) as connection:
        return {int(digest) for (digest,) in connection.execute("SELECT digest FROM keys")}


def transactions(database: Database) -> list[str]:
    """A list that grows by each transaction that is tried and each that is committed."""
    seen: list[str] = []
    event.listen(database.accepting, "checkout", lambda _driver, _record, _proxy: seen.append("try"))
    event.listen(database.accepting, "commit", lambda _connection: seen.append("commit"))
    return seen


def test_a_lone_caller_commits_alone_and_at_once(database: Database, database_path: Path) -> None:
    writer = Writer()
    group = GroupCommit(database.accepting, writer)
    assert [group.submit(number) for number in (1, 2)] == ["result of 1", "result of 2"]
    assert writer.batches == [[1], [2]]
    assert written(database_path) == {1, 2}


def test_64_threads_need_2_transactions(database: Database, database_path: Path) -> None:
    writer, seen = Writer(held=True), transactions(database)
    group = GroupCommit(database.accepting, writer)
    with ThreadPoolExecutor(64) as pool:
        futures = submit_behind(group, writer, range(64), pool)
        writer.go_on()
        assert [future.result() for future in futures] == [f"result of {number}" for number in range(64)]
    assert writer.batches == [[0], list(range(1, 64))]
    assert seen == ["try", "commit"] * 2
    assert written(database_path) == set(range(64))


@pytest.mark.slow
def test_64_threads_without_any_order_lose_nothing(database: Database, database_path: Path) -> None:
    writer = Writer()
    group = GroupCommit(database.accepting, writer)
    with ThreadPoolExecutor(64) as pool:
        results = list(pool.map(group.submit, range(640)))
    assert results == [f"result of {number}" for number in range(640)]
    assert sorted(number for batch in writer.batches for number in batch) == list(range(640))
    assert written(database_path) == set(range(640))


def test_a_transaction_has_at_most_so_many_items(database: Database) -> None:
    writer = Writer(held=True)
    group = GroupCommit(database.accepting, writer, limit=4)
    with ThreadPoolExecutor(10) as pool:
        futures = submit_behind(group, writer, range(10), pool)
        writer.go_on()
        assert [future.result() for future in futures] == [f"result of {number}" for number in range(10)]
    assert writer.batches == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9]]


def test_an_item_that_cannot_be_written_does_not_fail_its_neighbours(database: Database, database_path: Path) -> None:
    writer = Writer(held=True)
    group = GroupCommit(database.accepting, writer)
    with ThreadPoolExecutor(5) as pool:
        futures = submit_behind(group, writer, [1, 2, 1, 3, 4], pool)
        writer.go_on()
        twice = futures.pop(2)
        assert [future.result() for future in futures] == [f"result of {number}" for number in (1, 2, 3, 4)]
        with pytest.raises(IntegrityError):
            twice.result()
    assert written(database_path) == {1, 2, 3, 4}


def test_after_an_item_that_failed_the_next_is_written(database: Database) -> None:
    group = GroupCommit(database.accepting, Writer())
    group.submit(1)
    with pytest.raises(IntegrityError):
        group.submit(1)
    assert group.submit(2) == "result of 2"


@pytest.mark.slow
def test_while_the_database_is_stuck_nobody_waits_for_long_but_who_is_being_written(
    database: Database, database_path: Path
) -> None:
    writer = Writer(held=True)
    group = GroupCommit(database.accepting, writer, patience_s=0.3)
    with ThreadPoolExecutor(8) as pool:
        first, *waiting = submit_behind(group, writer, [1, 2, 3], pool)
        for future in waiting:
            with pytest.raises(OutboxUnavailableError, match="have been waiting for"):
                future.result(2)
        began = time.monotonic()
        with pytest.raises(OutboxUnavailableError, match="has been waiting for"):
            group.submit(4)
        assert time.monotonic() - began < 0.2
        assert not first.done()
        writer.go_on()
        assert first.result(10) == "result of 1"
    # Once it moves again everybody is welcome.
    assert group.submit(5) == "result of 5"
    assert written(database_path) == {1, 5}


def test_while_the_database_is_slow_only_so_many_wait_for_it(
    database: Database, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_module, "_SLOW_S", 0.0)
    writer = Writer(held=True)
    group = GroupCommit(database.accepting, writer, most=3)
    with ThreadPoolExecutor(8) as pool:
        futures = submit_behind(group, writer, [1, 2, 3], pool)
        with pytest.raises(OutboxUnavailableError, match="the database is slow, and 3 wait for it"):
            group.submit(4)
        writer.go_on()
        assert [future.result(10) for future in futures] == ["result of 1", "result of 2", "result of 3"]
    assert group.submit(5) == "result of 5"
    assert written(database_path) == {1, 2, 3, 5}


def test_as_long_as_it_is_not_all_may_come(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_module, "_SLOW_S", 60.0)
    writer = Writer(held=True)
    group = GroupCommit(database.accepting, writer, most=3)
    with ThreadPoolExecutor(8) as pool:
        futures = submit_behind(group, writer, [1, 2, 3, 4], pool)
        writer.go_on()
        assert len([future.result(10) for future in futures]) == 4


@pytest.mark.slow
def test_a_database_that_is_away_fails_all_who_wait_after_one_try(
    database: Database, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_S", 0.3)
    impatient = Database(url_of(database_path))
    writer, seen = Writer(), transactions(impatient)
    group = GroupCommit(impatient.accepting, writer)
    with locked(database_path), ThreadPoolExecutor(32) as pool:
        futures = [pool.submit(group.submit, 0)]
        until(lambda: seen == ["try"])
        futures += [pool.submit(group.submit, number) for number in range(1, 32)]
        errors = [future.exception(timeout=10) for future in futures]
    assert {type(error) for error in errors} == {OutboxUnavailableError}
    # Those who come while the first waits share the second try; one or two may be late on a busy machine.
    assert len(seen) < 6
    assert writer.batches == []
    assert group.submit(0) == "result of 0"
    impatient.close()


def test_a_database_that_goes_away_while_items_are_written_singly_fails_the_rest_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[list[int]] = []

    def write(_connection: Connection, batch: Sequence[int]) -> Sequence[str]:
        tries.append(list(batch))
        if len(batch) > 1:
            raise ValueError("one of them is bad")
        raise OutboxUnavailableError("gone")

    held = Writer(held=True)
    group: GroupCommit[int, str] = GroupCommit(database.accepting, held)
    with ThreadPoolExecutor(8) as pool:
        futures = submit_behind(group, held, range(8), pool)
        monkeypatch.setattr(group, "_apply", write)
        held.go_on()
        errors = [future.exception() for future in futures]
    assert errors[0] is None
    assert {type(error) for error in errors[1:]} == {OutboxUnavailableError}
    assert tries == [[1, 2, 3, 4, 5, 6, 7], [1]]


class Glances:
    """The group's time: it passes where a leader waits for others, and there somebody may come."""

    def __init__(self) -> None:
        self.now = 1000.0
        #: What happens at each of the next glances.
        self.script: list[Callable[[], object]] = []
        self.count = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.count += 1
        self.now += seconds
        if self.script:
            self.script.pop(0)()


@pytest.fixture
def glances(monkeypatch: pytest.MonkeyPatch) -> Glances:
    glances = Glances()
    monkeypatch.setattr(group_module, "time", glances)
    return glances


class Company:
    """Threads that submit when they are told to, each its own number; all of them have come a moment ago."""

    def __init__(self, group: GroupCommit[int, str], pools: Sequence[ThreadPoolExecutor]) -> None:
        self._group = group
        self._pools = pools
        #: Of those that were brought.
        self.futures: list[Future[str]] = []
        for number, pool in enumerate(pools):
            assert pool.submit(group.submit, number).result() == f"result of {number}"

    def come(self, number: int) -> Future[str]:
        return self._pools[number].submit(self._group.submit, 100 + number)

    def comes(self, number: int) -> Callable[[], None]:
        """What brings one of them, who then waits."""

        def come() -> None:
            waiting = len(self._group._waiting)
            self.futures.append(self.come(number))
            until(lambda: len(self._group._waiting) == waiting + 1)

        return come


@pytest.fixture
def company_of(database: Database, glances: Glances) -> Iterator[Callable[[int, Writer], Company]]:
    with ExitStack() as stack:

        def make(size: int, writer: Writer) -> Company:
            group = GroupCommit(database.accepting, writer)
            company = Company(group, [stack.enter_context(ThreadPoolExecutor(1)) for _ in range(size)])
            glances.count = 0
            writer.batches.clear()
            return company

        yield make


MakeCompany = Callable[[int, Writer], Company]


def test_a_lone_caller_waits_for_nobody(company_of: MakeCompany, glances: Glances) -> None:
    writer = Writer()
    company = company_of(1, writer)
    company.come(0).result()
    assert glances.count == 0


def test_a_leader_in_company_begins_when_all_are_there(company_of: MakeCompany, glances: Glances) -> None:
    writer = Writer()
    company = company_of(3, writer)
    glances.script = [company.comes(1), company.comes(2)]
    company.come(0).result()
    assert writer.batches == [[100, 101, 102]]
    assert glances.count == 2


def test_a_leader_in_company_begins_when_nobody_comes_any_more(company_of: MakeCompany, glances: Glances) -> None:
    writer = Writer()
    company = company_of(4, writer)
    glances.script = [company.comes(1)]
    company.come(0).result()
    assert writer.batches == [[100, 101]]
    assert glances.count == 2


def test_a_leader_in_company_does_not_wait_for_long(
    company_of: MakeCompany, glances: Glances, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_module, "_GLANCE_S", 0.002)
    writer = Writer()
    company = company_of(8, writer)
    glances.script = [company.comes(number) for number in range(1, 8)]
    company.come(0).result()
    assert writer.batches[0] == [100, 101, 102, 103]


def test_those_who_came_a_while_ago_are_not_waited_for(company_of: MakeCompany, glances: Glances) -> None:
    writer = Writer()
    company = company_of(4, writer)
    glances.now += 1
    company.come(0).result()
    assert glances.count == 0


def test_nobody_hangs_when_the_leader_is_ended_while_it_waits(company_of: MakeCompany, glances: Glances) -> None:
    def end() -> None:
        raise Stop

    writer = Writer()
    company = company_of(3, writer)
    glances.script = [company.comes(1), end]
    with pytest.raises(Stop):
        company.come(0).result(timeout=10)
    assert [future.result(timeout=10) for future in company.futures] == ["result of 101"]
    assert company.come(2).result(timeout=10) == "result of 102"


class Stop(BaseException):
    """What ends a thread from outside."""


def test_nobody_hangs_when_the_leader_is_ended_from_outside(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(_connection: Connection, _batch: Sequence[int]) -> Sequence[str]:
        raise Stop

    held = Writer(held=True)
    group: GroupCommit[int, str] = GroupCommit(database.accepting, held, limit=4)
    with ThreadPoolExecutor(6) as pool:
        futures = submit_behind(group, held, range(6), pool)
        monkeypatch.setattr(group, "_apply", end)
        held.go_on()
        errors = [future.exception(timeout=10) for future in futures]
    unavailable = OutboxUnavailableError
    assert [type(error) for error in errors] == [
        type(None),
        Stop,
        unavailable,
        unavailable,
        unavailable,
        Stop,
    ]
    monkeypatch.undo()
    assert group.submit(6) == "result of 6"
