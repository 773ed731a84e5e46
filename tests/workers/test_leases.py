"""A lease lasts as long as somebody works on its mail, and no longer."""

import threading
from collections.abc import Iterator

import pytest

from messaging.outbox.database import Database
from messaging.outbox.records import Claim
from messaging.outbox.states import State
from tests.fixtures.outboxes import FlakyOutbox
from tests.fixtures.storage import accept
from tests.fixtures.waiting import until
from workers.leases import Leases

LEASE_S = 0.2


@pytest.fixture
def outbox(database: Database) -> FlakyOutbox:
    """With the real clock: leases are renewed by it."""
    return FlakyOutbox(database)


@pytest.fixture
def leases(outbox: FlakyOutbox) -> Iterator[Leases]:
    leases = Leases(outbox, LEASE_S)
    leases.start()
    yield leases
    leases.stop()
    leases._thread.join()


def claimed(leases: Leases, outbox: FlakyOutbox) -> Claim:
    claim = leases.claim(accept(outbox).id)
    assert claim is not None
    return claim


def due_at(outbox: FlakyOutbox, claim: Claim) -> int:
    mail = outbox.read(claim.mail.id)
    assert mail is not None
    assert mail.due_at is not None
    return mail.due_at


def let_it_renew(outbox: FlakyOutbox, times: int) -> None:
    tries = outbox.tries
    until(lambda: outbox.tries >= tries + times)


def test_a_lease_is_renewed_while_it_is_held(leases: Leases, outbox: FlakyOutbox) -> None:
    claims = [claimed(leases, outbox) for _ in range(3)]
    with leases.hold(claims[0]), leases.hold(claims[1]):
        ends = due_at(outbox, claims[2]) + int(2 * LEASE_S * 1000)
        until(lambda: min(due_at(outbox, claim) for claim in claims[:2]) > ends)
    assert due_at(outbox, claims[2]) < ends
    assert {outbox.read(claim.mail.id).state for claim in claims} == {State.SENDING}  # type: ignore[union-attr]


def test_a_lease_that_nobody_holds_ends(leases: Leases, outbox: FlakyOutbox) -> None:
    claim = claimed(leases, outbox)
    with leases.hold(claim):
        let_it_renew(outbox, 1)
    let_it_renew(outbox, 2)
    ends = due_at(outbox, claim)
    let_it_renew(outbox, 2)
    assert due_at(outbox, claim) == ends
    until(lambda: outbox.take_due(10) == ([claim.mail.id], []))


def test_a_lease_that_is_held_in_vain_ends_too(leases: Leases, outbox: FlakyOutbox) -> None:
    claim = claimed(leases, outbox)
    with pytest.raises(ValueError, match="a bug"), leases.hold(claim):
        raise ValueError("a bug")
    assert not leases._held


def test_a_renewal_that_fails_is_followed_by_the_next(
    leases: Leases, outbox: FlakyOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    claim = claimed(leases, outbox)
    with leases.hold(claim):
        outbox.away_for = 2
        until(lambda: outbox.away_for == 0)
        before = due_at(outbox, claim)
        until(lambda: due_at(outbox, claim) > before)
    assert "1 leases could not be renewed" in caplog.text


def test_two_claims_on_one_mail_are_held_apart(leases: Leases, outbox: FlakyOutbox) -> None:
    # A machine that slept: the first lease has ended, and its thread finds that out only later.
    first = claimed(leases, outbox)
    until(lambda: outbox.take_due(10) == ([first.mail.id], []))
    second = leases.claim(first.mail.id)
    assert second is not None
    begun, ended = threading.Event(), threading.Event()

    def hold_the_first() -> None:
        with leases.hold(first):
            begun.set()
            assert ended.wait(10)

    thread = threading.Thread(target=hold_the_first)
    thread.start()
    assert begun.wait(10)
    with leases.hold(second):
        ended.set()
        thread.join()
        ends = due_at(outbox, second)
        until(lambda: due_at(outbox, second) > ends)
    assert not leases._held


def test_nothing_is_written_where_nothing_is_held(leases: Leases, outbox: FlakyOutbox) -> None:
    claim = claimed(leases, outbox)
    ends = due_at(outbox, claim)
    let_it_renew(outbox, 2)
    assert due_at(outbox, claim) == ends
