"""While the relay is held no mail is tried but one probe at a time, and the first answer lets all of them go."""

from pathlib import Path

import pytest
from sqlalchemy import delete

from messaging.outbox.claims import Claims
from messaging.outbox.database import Database, transaction
from messaging.outbox.due import Due, DueMails
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Attempt, Claim, Finish, Outcome
from messaging.outbox.relay_hold import Hold, RelayHold
from messaging.outbox.schema import mails
from messaging.outbox.states import FINAL, State
from tests.fixtures.clock import NOON_MS, Clock
from tests.fixtures.storage import LEASE_S, PROBE_EVERY_S, accept, claimed, connected, put, state_of
from tests.fixtures.threads import all_at_once

PROBE_EVERY_MS = int(PROBE_EVERY_S * 1000)

REASON = "AUTH: 535 5.7.8 Bad credentials"


def given_back(claim: Claim, now: int) -> Finish:
    """What a worker writes down of a mail that met a relay which is away: it waits on, charged nothing."""
    away = Attempt(claim.mail.attempts, now, 10, 0, Outcome.RELAY, 535, "5.7.8 Bad credentials")
    return Finish(claim, State.QUEUED, now, charged=False, attempt=away)


def claim_probe(claims: Claims, hold: RelayHold) -> Claim:
    probe_id = hold.take_probe()
    assert probe_id is not None
    claim = claims.claim(probe_id)
    assert claim is not None
    assert claim.mail.id == probe_id
    return claim


def test_the_relay_is_not_held_until_it_is(hold: RelayHold, clock: Clock) -> None:
    assert hold.read() is None
    assert hold.begin(REASON)
    assert hold.read() == Hold(REASON, NOON_MS, NOON_MS + PROBE_EVERY_MS)


def test_a_hold_that_goes_on_keeps_its_beginning_and_the_time_of_its_probe(hold: RelayHold, clock: Clock) -> None:
    hold.begin(REASON)
    clock.pass_s(7)
    assert not hold.begin("connect: Connection refused")
    assert hold.read() == Hold("connect: Connection refused", NOON_MS, NOON_MS + PROBE_EVERY_MS)


def test_a_hold_that_goes_on_forgets_its_probe(
    outbox: Outbox, claims: Claims, due: DueMails, hold: RelayHold, clock: Clock
) -> None:
    accept(outbox)
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    probe_id = hold.take_probe()
    assert probe_id is not None
    hold.begin(REASON)
    assert claims.claim(probe_id) is None


def test_it_holds_for_every_process(database: Database, hold: RelayHold, clock: Clock) -> None:
    hold.begin(REASON)
    assert RelayHold(database, PROBE_EVERY_S, clock).read() == hold.read()


def test_of_many_that_find_the_relay_away_at_once_one_begins_the_hold(database: Database, clock: Clock) -> None:
    workers = [RelayHold(database, PROBE_EVERY_S, clock) for _ in range(8)]
    began = [future.result() for future in all_at_once(lambda worker: worker.begin(REASON), workers)]
    assert sorted(began) == [False] * 7 + [True]


def test_while_it_is_held_nothing_can_be_claimed(outbox: Outbox, claims: Claims, hold: RelayHold) -> None:
    mail = accept(outbox)
    hold.begin(REASON)
    assert claims.claim(mail.id) is None
    assert state_of(outbox, mail.id)[0] is State.QUEUED


def test_while_it_is_held_the_probe_alone_can_be_claimed_and_says_so(
    outbox: Outbox, claims: Claims, hold: RelayHold, clock: Clock
) -> None:
    mails = [accept(outbox) for _ in range(3)]
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    probe_id = hold.take_probe()
    given = {mail.id: claims.claim(mail.id) for mail in mails}
    assert [mail_id for mail_id, claim in given.items() if claim] == [probe_id]
    assert [claim.is_probe for claim in given.values() if claim] == [True]


def test_mails_probe_in_turns(outbox: Outbox, claims: Claims, hold: RelayHold, clock: Clock) -> None:
    mails = {accept(outbox).id for _ in range(3)}
    hold.begin(REASON)
    probes = []
    for _ in range(6):
        clock.pass_s(PROBE_EVERY_S)
        claim = claim_probe(claims, hold)
        probes.append(claim.mail.id)
        claims.finish(Finish(claim, State.QUEUED, clock(), charged=False, attempt=None))
        hold.begin(REASON)
    assert set(probes[:3]) == set(probes[3:]) == mails


def test_the_probe_is_claimed_once(outbox: Outbox, claims: Claims, hold: RelayHold, clock: Clock) -> None:
    accept(outbox)
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    assert claims.claim(claim_probe(claims, hold).mail.id) is None


def test_without_a_hold_no_claim_is_a_probe_s(
    outbox: Outbox, claims: Claims, due: DueMails, hold: RelayHold, clock: Clock
) -> None:
    assert not claimed(outbox, claims).is_probe
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    mail = accept(outbox)
    assert hold.take_probe() == mail.id
    hold.release()
    released = claims.claim(mail.id)
    assert released is not None
    assert not released.is_probe


def test_claims_that_are_made_together_know_which_of_them_is_the_probe_s(
    outbox: Outbox, claims: Claims, hold: RelayHold, clock: Clock
) -> None:
    mails = [accept(outbox) for _ in range(16)]
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    probe_id = hold.take_probe()
    given = [future.result() for future in all_at_once(claims.claim, [mail.id for mail in mails])]
    assert [(claim.mail.id, claim.is_probe) for claim in given if claim] == [(probe_id, True)]


def test_there_is_no_probe_while_nothing_is_held(outbox: Outbox, hold: RelayHold, clock: Clock) -> None:
    accept(outbox)
    clock.pass_s(PROBE_EVERY_S)
    assert hold.take_probe() is None


def test_no_probe_before_its_time(outbox: Outbox, hold: RelayHold, clock: Clock) -> None:
    mail = accept(outbox)
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S - 0.001)
    assert hold.take_probe() is None
    clock.pass_s(0.001)
    assert hold.take_probe() == mail.id
    assert hold.read() == Hold(REASON, NOON_MS, NOON_MS + 2 * PROBE_EVERY_MS)


def test_the_next_probe_comes_a_period_after_the_one_before(outbox: Outbox, hold: RelayHold, clock: Clock) -> None:
    mail = accept(outbox)
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S + 5)
    assert hold.take_probe() == mail.id
    clock.pass_s(PROBE_EVERY_S - 0.001)
    assert hold.take_probe() is None
    clock.pass_s(0.001)
    assert hold.take_probe() == mail.id


def test_a_clock_that_was_an_hour_ahead_does_not_keep_the_probe_waiting(
    outbox: Outbox, hold: RelayHold, clock: Clock
) -> None:
    mail = accept(outbox)
    hold.begin(REASON)
    clock.now = NOON_MS - 3_600_000
    assert hold.take_probe() == mail.id
    assert hold.read() == Hold(REASON, NOON_MS, clock() + PROBE_EVERY_MS)
    assert hold.take_probe() is None


def test_the_longest_due_is_the_probe(outbox: Outbox, database_path: Path, hold: RelayHold, clock: Clock) -> None:
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    _, longest, _ = (put(outbox, database_path, State.RETRYING, NOON_MS - ago) for ago in (1, 3, 2))
    assert hold.take_probe() == longest


def test_where_nothing_waits_there_is_no_probe_and_it_comes_with_the_next_mail(
    outbox: Outbox, database_path: Path, hold: RelayHold, clock: Clock
) -> None:
    for state in FINAL:
        put(outbox, database_path, state, None)
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    assert hold.take_probe() is None
    mail = accept(outbox)
    assert hold.take_probe() == mail.id


@pytest.mark.parametrize("state", [State.SCHEDULED, State.RETRYING])
def test_what_is_not_due_yet_is_no_probe(
    outbox: Outbox, database_path: Path, hold: RelayHold, clock: Clock, state: State
) -> None:
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    mail_id = put(outbox, database_path, state, clock() + 1)
    assert hold.take_probe() is None
    assert state_of(outbox, mail_id) == (state, clock() + 1)
    clock.pass_s(0.001)
    assert hold.take_probe() == mail_id
    assert state_of(outbox, mail_id) == (State.QUEUED, clock())


def test_what_was_published_just_before_the_hold_may_be_the_probe(
    outbox: Outbox, due: DueMails, hold: RelayHold, clock: Clock
) -> None:
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    mail = accept(outbox)
    due.mark_published([mail.id])
    assert hold.take_probe() == mail.id


def test_what_is_being_sent_is_never_the_probe(outbox: Outbox, claims: Claims, hold: RelayHold, clock: Clock) -> None:
    claim = claimed(outbox, claims)
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    assert hold.take_probe() is None
    assert outbox.read(claim.mail.id) == claim.mail


def test_a_probe_whose_worker_died_does_not_hold_the_relay_for_ever(
    outbox: Outbox, claims: Claims, due: DueMails, database_path: Path, hold: RelayHold, clock: Clock
) -> None:
    mail = accept(outbox)
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    claim_probe(claims, hold)
    clock.pass_s(LEASE_S - 0.001)
    due.reclaim()
    assert hold.take_probe() is None
    clock.pass_s(0.001)
    # Nobody takes it from a worker by making it the probe.
    assert hold.take_probe() is None
    due.reclaim()
    assert claim_probe(claims, hold).mail.id == mail.id
    with connected(database_path) as connection:
        assert connection.execute("SELECT deaths FROM mails").fetchall() == [(1,)]


def test_two_dispatchers_do_not_both_send_a_probe(
    database: Database, outbox: Outbox, hold: RelayHold, clock: Clock
) -> None:
    ids = {accept(outbox).id for _ in range(10)}
    hold.begin(REASON)
    dispatchers = [RelayHold(database, PROBE_EVERY_S, clock) for _ in range(8)]
    for _ in range(3):
        clock.pass_s(PROBE_EVERY_S)
        futures = all_at_once(lambda dispatcher: dispatcher.take_probe(), dispatchers)
        probes = [probe for probe in (future.result() for future in futures) if probe]
        assert len(probes) == 1
        assert set(probes) <= ids


def test_a_probe_that_fails_lets_another_mail_try_next_and_is_charged_nothing(
    outbox: Outbox, claims: Claims, hold: RelayHold, clock: Clock
) -> None:
    ids = []
    for _ in range(3):
        ids.append(accept(outbox).id)
        clock.pass_s(1)
    hold.begin(REASON)
    tried = []
    for _ in range(4):
        clock.pass_s(PROBE_EVERY_S)
        claim = claim_probe(claims, hold)
        tried.append(claim.mail.id)
        hold.begin(REASON)
        assert claims.finish(given_back(claim, clock()))
    assert tried == [*ids, ids[0]]
    mails = [outbox.read(mail_id) for mail_id in ids]
    assert [(mail.state, mail.attempts, mail.finished_at) for mail in mails if mail] == [(State.QUEUED, 0, None)] * 3
    # What the relay said is told all the same.
    assert [attempt.outcome for attempt in outbox.attempts(ids[0])] == [Outcome.RELAY] * 2


def test_what_workers_turned_down_is_due_when_the_hold_ends_and_published_anew(
    outbox: Outbox, claims: Claims, due: DueMails, hold: RelayHold, clock: Clock
) -> None:
    turned_down, in_the_queue, fresh = (accept(outbox).id for _ in range(3))
    due.mark_published([turned_down, in_the_queue])
    hold.begin(REASON)
    clock.pass_s(1)
    assert claims.claim(turned_down) is None
    hold.release()
    assert hold.read() is None
    assert due.take(10) == Due(publish=[turned_down])
    clock.pass_s(4)
    assert due.take(10) == Due(publish=[fresh])
    assert claims.claim(in_the_queue)


def test_what_was_due_when_it_was_turned_down_keeps_its_place(
    outbox: Outbox, claims: Claims, database_path: Path, hold: RelayHold, clock: Clock
) -> None:
    mail_id = put(outbox, database_path, State.QUEUED, NOON_MS - 5000)
    hold.begin(REASON)
    assert claims.claim(mail_id) is None
    assert state_of(outbox, mail_id) == (State.QUEUED, NOON_MS - 5000)


def test_a_confirm_that_is_noted_after_its_id_was_turned_down_holds_up_no_mail(
    outbox: Outbox, claims: Claims, due: DueMails, hold: RelayHold
) -> None:
    mail = accept(outbox)
    hold.begin(REASON)
    assert claims.claim(mail.id) is None
    due.mark_published([mail.id])
    hold.release()
    assert due.take(10) == Due(publish=[mail.id])


@pytest.mark.parametrize("state", [state for state in State if state is not State.QUEUED])
def test_an_id_that_is_turned_down_changes_nothing_but_what_is_queued(
    outbox: Outbox, claims: Claims, database_path: Path, hold: RelayHold, state: State
) -> None:
    due_at = None if state in FINAL else NOON_MS + 1000
    mail_id = put(outbox, database_path, state, due_at)
    hold.begin(REASON)
    assert claims.claim(mail_id) is None
    assert state_of(outbox, mail_id) == (state, due_at)


def test_the_end_of_the_hold_writes_to_no_mail(
    outbox: Outbox, due: DueMails, database_path: Path, hold: RelayHold
) -> None:
    # Others write meanwhile, however many wait.
    published = accept(outbox)
    due.mark_published([published.id])
    hold.begin(REASON)
    with connected(database_path) as connection:
        connection.execute("CREATE TRIGGER t UPDATE ON mails BEGIN SELECT raise(ABORT, 'a mail was changed'); END")
    hold.release()
    assert hold.read() is None


def test_suspects_that_were_probes_are_tried_one_after_the_other_when_the_hold_ends(
    outbox: Outbox, claims: Claims, due: DueMails, database_path: Path, hold: RelayHold, clock: Clock
) -> None:
    ids = [put(outbox, database_path, State.RETRYING, NOON_MS + number) for number in range(3)]
    with connected(database_path) as connection:
        connection.execute("UPDATE mails SET deaths = 2")
    hold.begin(REASON)
    for _ in ids:
        clock.pass_s(PROBE_EVERY_S)
        claim = claim_probe(claims, hold)
        hold.begin(REASON)
        claims.finish(given_back(claim, clock()))
    hold.release()
    tried = []
    for _ in range(10):
        clock.pass_s(1)
        for mail_id in due.take(10).publish:
            claim_now = claims.claim(mail_id)
            assert claim_now is not None
            assert [state_of(outbox, each)[0] for each in ids].count(State.SENDING) == 1
            assert not any(claims.claim(each) for each in ids)
            claims.finish(Finish(claim_now, State.SENT, None, charged=True, attempt=None))
            tried.append(mail_id)
    assert sorted(tried) == sorted(ids)


def test_nothing_changes_where_there_was_nothing_to_release(
    outbox: Outbox, due: DueMails, hold: RelayHold, clock: Clock
) -> None:
    mail = accept(outbox)
    due.mark_published([mail.id])
    before = outbox.read(mail.id)
    clock.pass_s(1)
    hold.release()
    assert outbox.read(mail.id) == before
    clock.pass_s(60)
    assert due.take(10) == Due(waiting=[mail.id])


def test_a_test_key_s_mail_is_the_probe_only_where_no_other_waits(
    database: Database, outbox: Outbox, hold: RelayHold, clock: Clock
) -> None:
    """It says nothing of the relay, and so would make the others wait for the next probe."""
    tests = [accept(outbox, test=True).id for _ in range(2)]
    clock.pass_s(1)
    real = accept(outbox).id
    hold.begin(REASON)
    clock.pass_s(PROBE_EVERY_S)
    assert hold.take_probe() == real
    with transaction(database.recording) as connection:
        connection.execute(delete(mails).where(mails.c.id == real))
    clock.pass_s(PROBE_EVERY_S)
    assert hold.take_probe() in tests


# Whether the relay takes mails, which tells a full one from one that is away.


def after(outbox: Outbox, claims: Claims, outcome: Outcome, started_at: int, took_ms: int = 0) -> None:
    """An attempt ended so."""
    state = State.SENT if outcome is Outcome.SENT else State.FAILED
    attempt = Attempt(1, started_at, 0, took_ms, outcome, 250, "Ok")
    claims.finish(Finish(claimed(outbox, claims), state, None, charged=True, attempt=attempt))


def test_a_relay_that_took_a_mail_just_now_takes_mails(
    outbox: Outbox, claims: Claims, hold: RelayHold, clock: Clock
) -> None:
    assert not hold.takes_mails()
    after(outbox, claims, Outcome.SENT, clock() - 60_000, 60_000)
    after(outbox, claims, Outcome.REFUSED, clock())
    clock.pass_s(9.9)
    assert hold.takes_mails()
    clock.pass_s(0.2)
    assert not hold.takes_mails()


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.SENT])
def test_one_that_says_something_else_takes_none(
    outbox: Outbox, claims: Claims, hold: RelayHold, clock: Clock, outcome: Outcome
) -> None:
    after(outbox, claims, outcome, clock())
    assert not hold.takes_mails()


def test_a_mail_that_was_taken_in_time_to_come_says_nothing(
    outbox: Outbox, claims: Claims, hold: RelayHold, clock: Clock
) -> None:
    after(outbox, claims, Outcome.SENT, clock() + 3_600_000)
    assert not hold.takes_mails()


def test_without_the_database_nobody_can_tell(
    outbox: Outbox, claims: Claims, hold: RelayHold, clock: Clock, database_path: Path
) -> None:
    after(outbox, claims, Outcome.SENT, clock())
    database_path.rename(database_path.with_suffix(".away"))
    assert not hold.takes_mails()
