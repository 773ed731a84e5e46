"""One mail is delivered: each answer of the relay ends in the state, the charge and the time that it should."""

import errno
import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.due import DueMails
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail, Outcome
from messaging.outbox.states import State
from tests.fixtures.flaky import FlakyClaims, FlakyHold
from tests.fixtures.storage import accept
from tests.fixtures.transports import ScriptedTransport
from tests.fixtures.waiting import until
from workers import delivery as module
from workers.delivery import Delivery
from workers.errors import (
    BusyError,
    CrowdedError,
    DeliveryError,
    LeaseEndedError,
    NotTriedError,
    RefusedError,
    RelayError,
)
from workers.leases import Leases
from workers.policy import JITTER, Stage, lost

SCHEDULE_S = (60.0, 300.0, 900.0)

PROBE_S = 30.0


class Worker:
    """A delivery on a real outbox and a scripted transport."""

    def __init__(self, database: Database, *script: Exception | None) -> None:
        self._database = database
        self.outbox = Outbox(database)
        self.claims = FlakyClaims(database, 120)
        self.hold = FlakyHold(database, PROBE_S, lambda: clock_ms() + self.ahead_ms)
        self.due = DueMails(database, 5)
        #: The clock of the hold is so far ahead: how probes are made to be due.
        self.ahead_ms = 0
        self._probed_until_ms = 0
        self.transport = ScriptedTransport(script)
        self.leases = Leases(self.claims)
        self.delivery = Delivery(self.claims, self.leases, self.hold, self.transport, SCHEDULE_S)

    def deliver(self, mail: Mail) -> Mail:
        """Deliver a mail and return what became of it."""
        self.delivery.deliver(mail.id)
        return self.read(mail)

    def deliver_again(self, mail: Mail) -> Mail:
        """Let the wait of a mail be over, and deliver it."""
        with transaction(self._database.recording) as connection:
            connection.execute(text("UPDATE mails SET due_at = 0 WHERE due_at IS NOT NULL"))
        assert self.due.take(10).publish == [mail.id]
        return self.deliver(mail)

    def probe(self, mail: Mail) -> Mail:
        """Let the wait for the next probe be over, and deliver the mail as such."""
        self._probed_until_ms += int(PROBE_S * 1000)
        self.ahead_ms = self._probed_until_ms
        assert self.hold.take_probe() == mail.id
        self.ahead_ms = 0
        return self.deliver(mail)

    def read(self, mail: Mail) -> Mail:
        found = self.outbox.read(mail.id)
        assert found is not None
        return found


MakeWorker = Callable[..., Worker]


@pytest.fixture
def outbox(database: Database) -> Outbox:
    """With the real clock, which a delivery goes by as well."""
    return Outbox(database)


@pytest.fixture
def make_worker(database: Database) -> Iterator[MakeWorker]:
    made: list[Worker] = []

    def make(*script: Exception | None) -> Worker:
        made.append(Worker(database, *script))
        return made[-1]

    yield make
    for worker in made:
        worker.transport.go_on()


def assert_waits(mail: Mail, wait_s: float) -> None:
    """The mail is due in so long, give or take the jitter."""
    assert mail.due_at is not None
    wait = (mail.due_at - clock_ms()) / 1000
    assert wait_s * (1 - JITTER) - 5 <= wait <= wait_s * (1 + JITTER)


def test_a_mail_that_the_relay_takes_is_sent(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker()
    mail = worker.deliver(accept(outbox))
    assert (mail.state, mail.attempts, mail.due_at) == (State.SENT, 1, None)
    (attempt,) = outbox.attempts(mail.id)
    assert (attempt.number, attempt.outcome, attempt.connect_ms, attempt.transfer_ms) == (1, Outcome.SENT, 12, 34)
    assert (attempt.code, attempt.reply) == (250, "2.0.0 Ok: queued as 1A2B")
    assert mail.created_at <= attempt.started_at <= (mail.finished_at or 0)


def test_the_relay_gets_the_mail_with_its_envelope(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker()
    mail = worker.deliver(accept(outbox, "me+tag@example.com"))
    (composed,) = worker.transport.mails
    assert (composed.sender, composed.recipient) == ("messaging@localhost", "me+tag@example.com")
    assert mail.id.encode() in composed.content


def test_every_attempt_has_the_same_bytes(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker(BusyError("Later", 451))
    mail = worker.deliver(accept(outbox))
    assert worker.deliver_again(mail).state == State.SENT
    first, second = worker.transport.mails
    assert first == second


def test_a_mail_that_the_relay_refuses_is_failed_with_its_words(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker(RefusedError("5.1.1 No such user", 550))
    mail = worker.deliver(accept(outbox))
    assert (mail.state, mail.attempts, mail.due_at, mail.final) == (State.FAILED, 1, None, True)
    (attempt,) = outbox.attempts(mail.id)
    assert (attempt.outcome, attempt.code, attempt.reply) == (Outcome.REFUSED, 550, "5.1.1 No such user")


@pytest.mark.parametrize("error", [BusyError("4.7.1 Greylisted", 451), DeliveryError("something else", 451)])
def test_a_mail_that_the_relay_puts_off_is_tried_again_on_schedule(
    make_worker: MakeWorker, outbox: Outbox, error: DeliveryError
) -> None:
    worker = make_worker(error)
    mail = worker.deliver(accept(outbox))
    assert (mail.state, mail.attempts, mail.finished_at) == (State.RETRYING, 1, None)
    assert_waits(mail, 60)
    (attempt,) = outbox.attempts(mail.id)
    assert (attempt.outcome, attempt.code, attempt.reply) == (Outcome.BUSY, 451, error.reply)


def test_a_mail_is_given_up_after_the_last_wait(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker(*[BusyError(f"Later {number}", 451) for number in range(5)])
    mail = worker.deliver(accept(outbox))
    for wait_s in SCHEDULE_S:
        assert mail.state == State.RETRYING
        assert_waits(mail, wait_s)
        mail = worker.deliver_again(mail)
    assert (mail.state, mail.attempts, mail.due_at) == (State.FAILED, 4, None)
    assert [(attempt.number, attempt.reply) for attempt in outbox.attempts(mail.id)] == [
        (1, "Later 0"),
        (2, "Later 1"),
        (3, "Later 2"),
        (4, "Later 3"),
    ]


def test_what_is_wrong_with_the_relay_is_not_charged_to_the_mail(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker(RelayError("5.7.8 Bad credentials", 535))
    mail = worker.deliver(accept(outbox))
    assert (mail.state, mail.attempts, mail.finished_at) == (State.QUEUED, 0, None)
    assert mail.due_at is not None
    assert mail.due_at <= clock_ms()
    (attempt,) = outbox.attempts(mail.id)
    assert (attempt.number, attempt.outcome, attempt.code) == (1, Outcome.RELAY, 535)


def test_a_mail_waits_for_the_relay_as_long_as_it_takes(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker(*[RelayError("Connection refused")] * 30)
    mail = worker.deliver(accept(outbox))
    for _ in range(29):
        mail = worker.probe(mail)
        assert (mail.state, mail.attempts) == (State.QUEUED, 0)
    mail = worker.probe(mail)
    assert (mail.state, mail.attempts) == (State.SENT, 1)
    assert [attempt.number for attempt in outbox.attempts(mail.id)] == [1] * 31


def test_the_seconds_of_a_try_that_failed_are_written_down(make_worker: MakeWorker, outbox: Outbox) -> None:
    error = BusyError("Later", 451)
    error.connect_ms, error.transfer_ms = 56, 78
    mail = make_worker(error).deliver(accept(outbox))
    (attempt,) = outbox.attempts(mail.id)
    assert (attempt.connect_ms, attempt.transfer_ms) == (56, 78)


def test_a_bug_fails_its_mail_and_no_other(
    make_worker: MakeWorker, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make_worker(None, ValueError("the inside"), None)
    mails = [worker.deliver(accept(outbox)) for _ in range(3)]
    assert [mail.state for mail in mails] == [State.SENT, State.FAILED, State.SENT]
    (attempt,) = outbox.attempts(mails[1].id)
    assert (attempt.outcome, attempt.code, attempt.reply) == (Outcome.OURS, None, "a bug of ours: ValueError")
    assert "the inside" in caplog.text


@pytest.mark.parametrize(
    "lack",
    [OSError(errno.EMFILE, "Too many open files"), MemoryError(), RuntimeError("can't start new thread")],
)
def test_what_this_process_lacks_fails_no_mail(
    make_worker: MakeWorker, outbox: Outbox, caplog: pytest.LogCaptureFixture, lack: Exception
) -> None:
    worker = make_worker(lack)
    mail = worker.deliver(accept(outbox))
    assert (mail.state, mail.attempts) == (State.RETRYING, 1)
    assert_waits(mail, 60)
    (attempt,) = outbox.attempts(mail.id)
    assert (attempt.outcome, attempt.code) == (Outcome.OURS, None)
    assert attempt.reply == f"trouble of ours: {type(lack).__name__}"
    assert type(lack).__name__ in caplog.text
    assert worker.deliver_again(mail).state == State.SENT


def test_a_lack_met_by_the_probe_says_nothing_about_the_relay(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker(RelayError("Connection refused"), MemoryError())
    mail = worker.deliver(accept(outbox))
    assert worker.probe(mail).state is State.RETRYING
    assert worker.hold.read() is not None


def test_a_thread_that_cannot_be_started_is_known_by_the_words_of_the_interpreter() -> None:
    before = threading.stack_size(2**45)  # more than there are addresses for
    try:
        with pytest.raises(RuntimeError) as raised:
            threading.Thread(target=print).start()
    finally:
        threading.stack_size(before)
    assert module._lacks_means(raised.value)
    assert not module._lacks_means(RuntimeError("dictionary changed size during iteration"))


def test_a_mail_that_cannot_be_composed_is_failed(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker()
    mail = outbox.accept(sender="messaging@localhost", recipient="no address", subject="A subject", text="").mail
    assert worker.deliver(mail).state == State.FAILED
    assert worker.transport.mails == []
    assert worker.deliver(accept(outbox)).state == State.SENT


def test_an_id_that_comes_twice_is_delivered_once(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker()
    mail = accept(outbox)
    for _ in range(3):
        worker.deliver(mail)
    assert len(worker.transport.mails) == 1


def test_an_id_that_comes_to_two_workers_at_once_is_delivered_once(make_worker: MakeWorker, outbox: Outbox) -> None:
    workers = [make_worker(), make_worker()]
    mails = [accept(outbox) for _ in range(20)]

    def deliver_all(worker: Worker) -> None:
        for mail in mails:
            worker.deliver(mail)

    threads = [threading.Thread(target=deliver_all, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(worker.transport.mails) for worker in workers) == 20
    assert {worker.read(mail).state for worker in workers for mail in mails} == {State.SENT}


def test_an_id_that_nobody_knows_is_forgotten(make_worker: MakeWorker) -> None:
    worker = make_worker()
    worker.delivery.deliver("0190a000-0000-7000-8000-000000000000")
    assert worker.transport.mails == []


def test_a_mail_is_being_sent_while_the_conversation_lasts(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker()
    worker.transport.hold_up()
    mail = accept(outbox)
    thread = threading.Thread(target=worker.deliver, args=(mail,))
    thread.start()
    assert worker.transport.arrived.acquire(timeout=10)
    assert worker.read(mail).state == State.SENDING
    assert worker.leases.count() == 1
    worker.transport.go_on()
    thread.join()
    assert worker.read(mail).state == State.SENT
    assert worker.leases.count() == 0


def test_a_conversation_that_is_cut_at_the_end_gives_the_mail_back(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker()
    worker.transport.hold_up()
    mails = [accept(outbox) for _ in range(3)]
    threads = [threading.Thread(target=worker.deliver, args=(mail,)) for mail in mails]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert worker.transport.arrived.acquire(timeout=10)
    worker.delivery.give_back()
    for thread in threads:
        thread.join()
    for mail in mails:
        after = worker.read(mail)
        assert (after.state, after.attempts) == (State.QUEUED, 0)
        assert outbox.attempts(mail.id) == []
    due = worker.due.take(10)
    assert (sorted(due.publish), len(due)) == (sorted(mail.id for mail in mails), 3)
    # We cut it ourselves: that says nothing about the relay.
    assert worker.hold.read() is None


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (None, State.SENT),
        (RefusedError("No", 550), State.FAILED),
        (BusyError("Later", 451), State.RETRYING),
        (BusyError("Cut"), State.QUEUED),
        (RelayError("No", 535), State.QUEUED),
        (RelayError("Gone"), State.QUEUED),
    ],
)
def test_what_the_relay_says_at_the_last_moment_counts(
    make_worker: MakeWorker, outbox: Outbox, answer: Exception | None, state: State
) -> None:
    worker = make_worker(answer)
    worker.delivery.give_back()
    mail = worker.deliver(accept(outbox))
    assert (mail.state, mail.attempts) == (state, 0 if state is State.QUEUED else 1)


def test_a_relay_that_hangs_up_after_the_dot_while_we_wait_for_it_is_tried_again_on_schedule(
    make_worker: MakeWorker, outbox: Outbox
) -> None:
    worker = make_worker(lost(Stage.END, "Connection unexpectedly closed"))
    worker.delivery.give_back()
    mail = worker.deliver(accept(outbox))
    assert (mail.state, mail.attempts) == (State.RETRYING, 1)
    (attempt,) = outbox.attempts(mail.id)
    assert attempt.outcome is Outcome.BUSY


def test_a_250_is_not_lost_to_a_database_that_is_away_for_a_moment(
    make_worker: MakeWorker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WRITE_DOWN_EVERY_S", 0.001)
    worker = make_worker()
    worker.claims.writing.away_for = 5
    mail = worker.deliver(accept(outbox))
    assert (mail.state, worker.claims.writing.tries) == (State.SENT, 6)
    assert len(outbox.attempts(mail.id)) == 1


def test_not_even_to_one_that_is_away_while_the_worker_ends(
    make_worker: MakeWorker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WRITE_DOWN_EVERY_S", 0.05)
    worker = make_worker()
    worker.delivery.break_off()
    worker.claims.writing.away_for = 3
    began = time.monotonic()
    assert worker.deliver(accept(outbox)).state == State.SENT
    assert worker.claims.writing.tries == 4
    assert time.monotonic() - began >= 3 * 0.05  # it does not try again as fast as it can


def test_nor_to_one_that_is_away_for_an_hour(
    make_worker: MakeWorker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker, passed = make_worker(), 0.0

    class Hours:
        """The time as the delivery sees it: each wait is as long as it says, and over at once."""

        @staticmethod
        def monotonic() -> float:
            return passed

        @staticmethod
        def sleep(seconds: float) -> None:
            nonlocal passed
            passed += seconds

    monkeypatch.setattr(module, "time", Hours)
    worker.claims.writing.away_for = 7200
    mail = worker.deliver(accept(outbox))
    assert passed == 3600
    assert mail.state == State.SENT
    assert caplog.text.count(f"mail {mail.id}: the result waits for the database") == 1


def test_a_result_that_cannot_be_written_down_at_the_end_is_told_and_the_worker_ends(
    make_worker: MakeWorker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_WRITE_DOWN_EVERY_S", 0.001)
    worker = make_worker()
    worker.claims.writing.away_for = 10**9
    mail = accept(outbox)
    giving_up = threading.Timer(0.05, worker.delivery.give_up)
    giving_up.start()
    assert worker.deliver(mail).state == State.SENDING
    giving_up.join()
    assert f"mail {mail.id}: the result is not written down, it may come twice" in caplog.text
    worker.claims.writing.away_for = 0
    assert worker.deliver(accept(outbox)).state == State.SENT


def test_a_worker_whose_lease_ended_says_that_its_result_is_not_counted(
    make_worker: MakeWorker, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    worker, mail = make_worker(BusyError("Later", 451)), accept(outbox)
    worker.transport.hold_up()
    thread = threading.Thread(target=worker.deliver, args=(mail,))
    thread.start()
    assert worker.transport.arrived.acquire(timeout=10)
    other = make_worker()
    assert other.deliver_again(mail).state == State.SENT
    worker.transport.go_on()
    thread.join()
    assert worker.read(mail).state == State.SENT
    assert f"mail {mail.id}: the lease had ended" in caplog.text


def test_a_worker_that_stood_still_does_not_send_what_another_one_took_from_it(
    make_worker: MakeWorker, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    worker, mail = make_worker(), accept(outbox)
    worker.transport.hold_up()
    thread = threading.Thread(target=worker.deliver, args=(mail,))
    thread.start()
    assert worker.transport.arrived.acquire(timeout=10)
    other = make_worker()
    assert other.deliver_again(mail).state == State.SENT
    worker.leases.renew()  # it goes on
    worker.transport.go_on()
    thread.join()
    assert (worker.read(mail).state, len(outbox.attempts(mail.id))) == (State.SENT, 1)
    assert f"mail {mail.id} is not sent now: this worker stood still" in caplog.text


@pytest.mark.parametrize("error", [LeaseEndedError(), CrowdedError("Too many connections", 421)])
def test_a_mail_that_the_relay_was_not_asked_to_take_goes_back_charged_nothing_and_holds_up_nobody(
    make_worker: MakeWorker, outbox: Outbox, error: NotTriedError
) -> None:
    worker = make_worker(error)
    mail = worker.deliver(accept(outbox))
    assert (mail.state, mail.attempts, outbox.attempts(mail.id)) == (State.QUEUED, 0, [])
    assert worker.hold.read() is None


def test_no_address_and_no_word_of_a_mail_is_logged(
    make_worker: MakeWorker, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    worker = make_worker(None, BusyError("Later"), RefusedError("No"), ValueError("Oops"), RelayError("Gone"))
    for _ in range(5):
        worker.deliver(accept(outbox, "michael@example.com"))
    assert "m***@example.com" in caplog.text
    assert len(worker.transport.mails) == 5
    for secret in ("michael", "A subject", "A text."):
        assert secret not in caplog.text


# The relay's hold.


def test_a_relay_that_refuses_us_is_held_with_its_words(
    make_worker: MakeWorker, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make_worker(RelayError("5.7.8 Bad credentials", 535))
    worker.deliver(accept(outbox))
    held = worker.hold.read()
    assert held is not None
    assert held.reason == "535 5.7.8 Bad credentials"
    assert caplog.text.count("the relay is held") == 1


def test_the_hold_begins_once_for_all_that_find_the_relay_away(
    make_worker: MakeWorker, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make_worker(*[RelayError("Connection refused")] * 4)
    worker.transport.hold_up()
    mails = [accept(outbox) for _ in range(4)]
    threads = [threading.Thread(target=worker.deliver, args=(mail,)) for mail in mails]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert worker.transport.arrived.acquire(timeout=10)
    worker.transport.go_on()
    for thread in threads:
        thread.join()
    assert caplog.text.count("the relay is held") == 1
    assert {(worker.read(mail).state, worker.read(mail).attempts) for mail in mails} == {(State.QUEUED, 0)}


def test_while_the_relay_is_held_no_mail_is_tried_and_none_is_charged(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker(RelayError("Connection refused"))
    first, second = accept(outbox), accept(outbox)
    for mail in (first, second, first):
        after = worker.deliver(mail)
        assert (after.state, after.attempts) == (State.QUEUED, 0)
    assert len(worker.transport.mails) == 1
    assert outbox.attempts(second.id) == []


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (None, State.SENT),
        (RefusedError("5.1.1 No such user", 550), State.FAILED),
        (BusyError("4.7.1 Greylisted", 451), State.RETRYING),
    ],
)
def test_an_answer_to_the_probe_releases_all_that_waits(
    make_worker: MakeWorker, outbox: Outbox, caplog: pytest.LogCaptureFixture, answer: Exception | None, state: State
) -> None:
    worker = make_worker(RelayError("Connection refused"), answer)
    first, second = worker.deliver(accept(outbox)), accept(outbox)
    assert worker.probe(second).state is state
    assert worker.hold.read() is None
    assert "the relay answers again" in caplog.text
    assert worker.due.take(10).publish == [first.id]
    assert worker.deliver(first).state is State.SENT


@pytest.mark.parametrize("stage", [Stage.RCPT, Stage.DATA, Stage.END])
def test_a_probe_that_hears_nothing_releases_nothing(make_worker: MakeWorker, outbox: Outbox, stage: Stage) -> None:
    worker = make_worker(RelayError("Connection refused"), lost(stage, "timed out"))
    worker.deliver(accept(outbox))
    assert worker.probe(accept(outbox)).state is State.RETRYING
    assert worker.hold.read() is not None


def test_a_probe_that_finds_the_relay_still_away_holds_on(
    make_worker: MakeWorker, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make_worker(RelayError("Connection refused"), RelayError("5.7.8 Bad credentials", 535))
    mail = worker.deliver(accept(outbox))
    before = worker.hold.read()
    mail = worker.probe(mail)
    after = worker.hold.read()
    assert before is not None
    assert after is not None
    assert (after.reason, after.since) == ("535 5.7.8 Bad credentials", before.since)
    assert (mail.state, mail.attempts) == (State.QUEUED, 0)
    assert worker.hold.releasing.tries == 0
    assert caplog.text.count("the relay is held") == 1
    # The probe is over: its mail has no privilege until it is chosen again.
    assert worker.deliver(mail).state is State.QUEUED
    assert len(worker.transport.mails) == 2


def test_a_probe_that_is_cut_at_the_end_holds_on(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker(RelayError("Connection refused"), BusyError("Cut"))
    mail = worker.deliver(accept(outbox))
    worker.delivery.give_back()
    assert worker.probe(mail).state is State.QUEUED
    assert worker.hold.read() is not None
    assert worker.hold.releasing.tries == 0


def test_a_mail_of_before_the_hold_releases_nothing(make_worker: MakeWorker, outbox: Outbox) -> None:
    # It was on its way when the relay refused another one: what it is told is older than the hold.
    slow, other = make_worker(), make_worker(RelayError("5.7.8 Bad credentials", 535))
    slow.transport.hold_up()
    mail = accept(outbox)
    thread = threading.Thread(target=slow.deliver, args=(mail,))
    thread.start()
    assert slow.transport.arrived.acquire(timeout=10)
    other.deliver(accept(outbox))
    slow.transport.go_on()
    thread.join()
    assert slow.read(mail).state is State.SENT
    assert other.hold.read() is not None


def test_a_bug_with_the_probe_releases_nothing(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker(RelayError("Connection refused"), ValueError("Oops"))
    mail = worker.deliver(accept(outbox))
    assert worker.probe(mail).state is State.FAILED
    assert worker.hold.read() is not None


# When a mail is tried again.


@pytest.mark.parametrize("asked_s", [10.0, 60.0, 7200.0])
def test_a_relay_that_says_when_is_not_asked_earlier(make_worker: MakeWorker, outbox: Outbox, asked_s: float) -> None:
    began = clock_ms()
    mail = make_worker(BusyError("Later", 451, retry_after_s=asked_s)).deliver(accept(outbox))
    assert (mail.state, mail.attempts) == (State.RETRYING, 1)
    assert mail.due_at is not None
    latest_s = max(asked_s, SCHEDULE_S[0]) * (1 + JITTER)
    assert began + asked_s * 1000 <= mail.due_at <= clock_ms() + latest_s * 1000 + 1


# A database that is away.


def test_a_mail_that_cannot_be_claimed_stays_as_it_is(
    make_worker: MakeWorker, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    worker, mail = make_worker(), accept(outbox)
    worker.claims.claiming.away_for = 1
    assert worker.deliver(mail) == mail
    assert worker.transport.mails == []
    assert f"mail {mail.id} cannot be claimed" in caplog.text
    assert worker.deliver(mail).state is State.SENT


def test_a_lease_is_held_until_its_result_is_written_down(
    make_worker: MakeWorker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WRITE_DOWN_EVERY_S", 0.001)
    worker = make_worker()
    worker.claims.writing.away_for = 10**9
    thread = threading.Thread(target=worker.deliver, args=(accept(outbox),))
    thread.start()
    tries = worker.claims.writing
    until(lambda: tries.tries > 3)
    assert worker.leases.count() == 1
    tries.away_for = 0
    thread.join()
    assert worker.leases.count() == 0


def test_a_hold_is_not_lost_to_a_database_that_is_away(
    make_worker: MakeWorker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WRITE_DOWN_EVERY_S", 0.001)
    worker = make_worker(RelayError("Connection refused"))
    worker.hold.beginning.away_for = 5
    mail = worker.deliver(accept(outbox))
    assert (mail.state, mail.attempts) == (State.QUEUED, 0)
    assert worker.hold.beginning.tries == 6
    assert worker.hold.read() is not None


def test_a_release_is_not_lost_to_one_either(
    make_worker: MakeWorker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WRITE_DOWN_EVERY_S", 0.001)
    worker = make_worker(RelayError("Connection refused"))
    mail = worker.deliver(accept(outbox))
    worker.hold.releasing.away_for = 5
    assert worker.probe(mail).state is State.SENT
    assert worker.hold.releasing.tries == 6
    assert worker.hold.read() is None


def test_a_test_key_s_mail_goes_through_everything_but_the_relay(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker()
    mail = worker.deliver(accept(outbox, test=True))
    assert (mail.state, mail.final, mail.attempts, mail.due_at) == (State.TESTED, True, 1, None)
    assert mail.finished_at is not None
    (attempt,) = outbox.attempts(mail.id)
    assert (attempt.outcome, attempt.code) == (Outcome.TESTED, None)
    assert attempt.reply == "composed, and not handed to the relay: it was sent with a test key"
    assert worker.transport.mails == []
    assert worker.deliver(accept(outbox)).state == State.SENT
    assert len(worker.transport.mails) == 1


def test_a_test_key_s_mail_is_composed_like_any_other(make_worker: MakeWorker, outbox: Outbox) -> None:
    mail = outbox.accept(
        sender="messaging@localhost", recipient="no address", subject="A subject", text="", test=True
    ).mail
    assert make_worker().deliver(mail).state == State.FAILED


def test_a_test_key_s_mail_says_nothing_of_a_relay_that_is_held(make_worker: MakeWorker, outbox: Outbox) -> None:
    worker = make_worker(RelayError("connect: Connection refused"))
    held = worker.deliver(accept(outbox))
    with transaction(worker._database.recording) as connection:
        connection.execute(text("UPDATE mails SET state = 'failed', due_at = NULL"))
    test = accept(outbox, test=True)
    assert worker.deliver(test).state == State.QUEUED
    assert worker.probe(test).state == State.TESTED
    assert worker.hold.read() is not None
    assert held.attempts == 0
    assert len(worker.transport.mails) == 1
