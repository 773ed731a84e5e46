"""Attempts have numbers that only grow, whoever writes them down, and whatever was removed."""

from pathlib import Path

from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Attempt, Finish, Outcome
from messaging.outbox.retention import Retention
from messaging.outbox.states import State
from tests.fixtures.clock import Clock
from tests.fixtures.deaths import with_deaths
from tests.fixtures.storage import POISON_LIMIT, claimed, connected


def numbers(path: Path) -> list[int]:
    with connected(path) as connection:
        return [number for (number,) in connection.execute("SELECT id FROM attempts ORDER BY id")]


def send(outbox: Outbox, claims: Claims, clock: Clock) -> None:
    attempt = Attempt(1, clock(), 1, 2, Outcome.SENT, 250, "Ok")
    assert claims.finish(Finish(claimed(outbox, claims), State.SENT, None, charged=True, attempt=attempt))


def test_the_number_of_a_removed_attempt_is_not_given_again(
    outbox: Outbox, claims: Claims, due: DueMails, database: Database, database_path: Path, clock: Clock
) -> None:
    for _ in range(3):
        send(outbox, claims, clock)
    assert numbers(database_path) == [1, 2, 3]
    clock.pass_s(100)
    assert Retention(database, 50, clock).remove().mails == 3
    poison = with_deaths(outbox, database_path, State.SENDING, POISON_LIMIT - 1, clock() - 1)
    assert due.take(10).poison == [poison]
    assert numbers(database_path) == [4]
    clock.pass_s(100)
    assert Retention(database, 50, clock).remove().mails == 1
    send(outbox, claims, clock)
    assert numbers(database_path) == [5]
