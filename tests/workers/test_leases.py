"""A lease is renewed as long as somebody works on its mail, and no longer."""

import pytest

from messaging.outbox.claims import Claims
from messaging.outbox.clock import steady_s
from messaging.outbox.database import Database
from messaging.outbox.due import DueMails
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Claim
from messaging.outbox.states import State
from tests.fixtures.clock import Clock
from tests.fixtures.flaky import FlakyClaims
from tests.fixtures.storage import accept
from workers import leases as module
from workers.leases import Leases

LEASE_S = 120.0


@pytest.fixture
def claims(database: Database, clock: Clock) -> FlakyClaims:
    return FlakyClaims(database, LEASE_S, clock)


@pytest.fixture
def due(database: Database, clock: Clock) -> DueMails:
    return DueMails(database, 5, clock)


@pytest.fixture
def leases(claims: Claims) -> Leases:
    return Leases(claims)


class Steady:
    """A clock that nobody sets, some time ahead of the real one."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def __call__(self) -> float:
        return steady_s() + self._ahead_s

    def pass_s(self, seconds: float) -> None:
        self._ahead_s += seconds


def claimed(claims: Claims, outbox: Outbox) -> Claim:
    claim = claims.claim(accept(outbox).id)
    assert claim is not None
    return claim


def ends_at(outbox: Outbox, claim: Claim) -> int:
    mail = outbox.read(claim.mail.id)
    assert mail is not None
    assert mail.state == State.SENDING
    assert mail.due_at is not None
    return mail.due_at


def test_a_lease_is_renewed_while_it_is_held(leases: Leases, claims: Claims, outbox: Outbox, clock: Clock) -> None:
    began = clock()
    held = [claimed(claims, outbox) for _ in range(3)]
    with leases.hold(held[0]), leases.hold(held[1]):
        clock.pass_s(LEASE_S / 2)
        leases.renew()
    lease_ms = int(LEASE_S * 1000)
    assert [ends_at(outbox, claim) for claim in held] == [clock() + lease_ms, clock() + lease_ms, began + lease_ms]


def test_a_lease_that_nobody_holds_ends(
    leases: Leases, claims: Claims, outbox: Outbox, clock: Clock, due: DueMails
) -> None:
    claim = claimed(claims, outbox)
    with leases.hold(claim):
        clock.pass_s(LEASE_S / 2)
        leases.renew()
    ends = ends_at(outbox, claim)
    clock.pass_s(LEASE_S)
    leases.renew()
    assert ends_at(outbox, claim) == ends
    assert due.take(10).publish == [claim.mail.id]


def test_a_lease_that_is_held_in_vain_ends_too(leases: Leases, claims: Claims, outbox: Outbox) -> None:
    claim = claimed(claims, outbox)
    with pytest.raises(ValueError, match="a bug"), leases.hold(claim):
        raise ValueError("a bug")
    assert leases.count() == 0


def test_a_renewal_that_fails_is_told_and_the_next_does_it(
    leases: Leases, claims: FlakyClaims, outbox: Outbox, clock: Clock
) -> None:
    claim = claimed(claims, outbox)
    with leases.hold(claim):
        claims.writing.away_for = 1
        with pytest.raises(OutboxUnavailableError):
            leases.renew()
        clock.pass_s(LEASE_S / 2)
        leases.renew()
        assert ends_at(outbox, claim) == clock() + int(LEASE_S * 1000)


def test_two_claims_on_one_mail_are_held_apart(
    leases: Leases, claims: Claims, outbox: Outbox, clock: Clock, due: DueMails
) -> None:
    # A machine that slept: the first lease has ended, and its thread finds that out only later.
    first = claimed(claims, outbox)
    held = leases.hold(first)
    held.__enter__()
    clock.pass_s(LEASE_S)
    assert due.take(10).publish == [first.mail.id]
    second = claims.claim(first.mail.id)
    assert second is not None
    with leases.hold(second):
        assert leases.count() == 2
        held.__exit__(None, None, None)
        assert leases.count() == 1
        clock.pass_s(LEASE_S / 2)
        leases.renew()
        assert ends_at(outbox, second) == clock() + int(LEASE_S * 1000)
    assert leases.count() == 0


def test_an_ended_claim_does_not_renew_the_lease_of_the_next(
    leases: Leases, claims: Claims, outbox: Outbox, clock: Clock, due: DueMails
) -> None:
    first = claimed(claims, outbox)
    with leases.hold(first):
        clock.pass_s(LEASE_S)
        due.take(10)
        second = claims.claim(first.mail.id)
        assert second is not None
        ends = ends_at(outbox, second)
        clock.pass_s(LEASE_S / 2)
        leases.renew()
    assert ends_at(outbox, second) == ends


def test_nothing_is_written_where_nothing_is_held(leases: Leases, claims: Claims, outbox: Outbox, clock: Clock) -> None:
    claim = claimed(claims, outbox)
    ends = ends_at(outbox, claim)
    clock.pass_s(LEASE_S / 2)
    leases.renew()
    assert ends_at(outbox, claim) == ends


# A worker that stood still, beside others that did not.


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> Steady:
    steady = Steady()
    monkeypatch.setattr(module, "steady_s", steady)
    return steady


def test_a_lease_holds_until_its_end_whatever_the_time_of_day(
    leases: Leases, claims: Claims, outbox: Outbox, clock: Clock, steady: Steady
) -> None:
    with leases.hold(claimed(claims, outbox)) as lease:
        clock.pass_s(86_400)
        steady.pass_s(LEASE_S - 1)
        assert lease.holds()
        steady.pass_s(2)
        assert not lease.holds()


def test_a_lease_that_is_renewed_holds_on(leases: Leases, claims: Claims, outbox: Outbox, steady: Steady) -> None:
    with leases.hold(claimed(claims, outbox)) as lease:
        for _ in range(3):
            steady.pass_s(LEASE_S - 1)
            leases.renew()
        assert lease.holds()


def test_a_lease_that_nobody_took_meanwhile_holds_again(
    leases: Leases, claims: Claims, outbox: Outbox, steady: Steady
) -> None:
    with leases.hold(claimed(claims, outbox)) as lease:
        steady.pass_s(LEASE_S + 1)
        assert not lease.holds()
        leases.renew()
        assert lease.holds()


def test_a_lease_whose_mail_was_taken_from_it_never_holds_again(
    leases: Leases, claims: Claims, outbox: Outbox, clock: Clock, due: DueMails
) -> None:
    first, other = claimed(claims, outbox), claimed(claims, outbox)
    with leases.hold(first) as lease, leases.hold(other) as others:
        clock.pass_s(LEASE_S / 2)
        claims.renew([other])
        clock.pass_s(LEASE_S / 2)
        assert due.take(10).publish == [first.mail.id]
        for _ in range(2):
            leases.renew()
            assert not lease.holds()
            assert others.holds()


def test_the_database_s_absence_renews_nothing(
    leases: Leases, claims: FlakyClaims, outbox: Outbox, steady: Steady
) -> None:
    with leases.hold(claimed(claims, outbox)) as lease:
        steady.pass_s(LEASE_S - 1)
        claims.writing.away_for = 1
        with pytest.raises(OutboxUnavailableError):
            leases.renew()
        steady.pass_s(2)
        assert not lease.holds()
