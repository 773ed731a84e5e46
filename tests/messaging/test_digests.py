"""Digests: the same of the same, others of others, and nobody else can make them."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from config.secret import Secret
from messaging.digests import Digests
from messaging.outbox.database import Database
from messaging.outbox.secret import DatabaseSecret, LinkSecret
from tests.fixtures.storage import KnownSecret, connected
from tests.fixtures.threads import all_at_once

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4)


@given(texts, texts)
def test_two_are_the_same_if_all_their_texts_are(some: list[str], others: list[str]) -> None:
    digests = Digests(KnownSecret())
    assert (digests.of("a", *some) == digests.of("a", *others)) == (some == others)
    assert digests.of("a", *some) != digests.of("b", *some)
    assert -(2**63) <= digests.of("a", *some) < 2**63


def test_all_programs_of_one_database_make_the_same_and_those_of_another_do_not(
    database: Database, tmp_path: Path
) -> None:
    made = {
        result.result() for result in all_at_once(lambda _: Digests(DatabaseSecret(database)).of("a", "b"), range(8))
    }
    assert made == {Digests(DatabaseSecret(database)).of("a", "b")}
    other = Database(Secret(f"sqlite:///{tmp_path}/other.db"))
    other.upgrade()
    assert Digests(DatabaseSecret(other)).of("a", "b") not in made
    other.close()


def test_the_secret_is_256_bits_and_made_once(database: Database, database_path: Path) -> None:
    first, second = DatabaseSecret(database), DatabaseSecret(database)
    assert first.value == second.value
    assert len(first.value) == 32
    with connected(database_path) as connection:
        assert connection.execute("SELECT value FROM secret").fetchall() == [(first.value.hex(),)]


def test_of_links_it_is_another_one_and_stays_as_it_is_when_that_is_renewed(database: Database) -> None:
    value, of_links = DatabaseSecret(database).value, LinkSecret(database).value
    assert value != of_links
    assert LinkSecret(database).value == of_links
    LinkSecret(database).renew()
    assert DatabaseSecret(database).value == value
    assert LinkSecret(database).value not in (value, of_links)
    assert len(LinkSecret(database).value) == 32


class LateSecret(DatabaseSecret):
    """One that looks before another program has made it, and would make it after that."""

    looked = False

    def _read(self) -> str | None:
        found = super()._read() if self.looked else None
        self.looked = True
        return found


def test_of_programs_that_make_it_at_once_the_first_one_s_is_kept(database: Database) -> None:
    first = DatabaseSecret(database).value
    assert LateSecret(database).value == first
    assert DatabaseSecret(database).value == first
