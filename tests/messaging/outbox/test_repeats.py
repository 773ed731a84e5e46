"""A request that comes again is answered with the mail of the first."""

from dataclasses import replace

import pytest

from config.values import Rate
from messaging.outbox import accepting
from messaging.outbox.accepting import Terms
from messaging.outbox.database import Database, transaction
from messaging.outbox.errors import LimitReachedError, OtherContentError
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import NO_EXTRAS, Accepted
from messaging.outbox.repeats import Once
from messaging.outbox.uses import Use
from tests.fixtures.clock import Clock
from tests.fixtures.storage import listed
from tests.fixtures.threads import all_at_once

WINDOW_MS = 10_000


def once(token: int = 1, content: int = 0) -> Once:
    return Once(token, content, WINDOW_MS)


def accept(outbox: Outbox, what: Once, *uses: Use) -> Accepted:
    return outbox.accept(
        sender="a@example.org", recipient="me@example.com", subject="s", text="t", terms=Terms(what, uses)
    )


def test_the_same_request_is_the_same_mail(outbox: Outbox, clock: Clock) -> None:
    first = accept(outbox, once())
    clock.pass_s(5)
    again = accept(outbox, once())
    assert (first.repeated, again.repeated) == (False, True)
    assert (again.mail.id, again.mail.created_at) == (first.mail.id, first.mail.created_at)
    assert [mail.id for mail in listed(outbox)] == [first.mail.id]


def test_another_request_is_another_mail(outbox: Outbox) -> None:
    assert accept(outbox, once(1)).mail.id != accept(outbox, once(2)).mail.id
    assert len(listed(outbox)) == 2


def test_after_its_window_it_is_a_mail_of_its_own_and_opens_a_window_of_its_own(outbox: Outbox, clock: Clock) -> None:
    first = accept(outbox, once())
    clock.pass_s(9.999)
    assert accept(outbox, once()).repeated
    clock.pass_s(0.001)
    second = accept(outbox, once())
    assert not second.repeated
    clock.pass_s(9.999)
    assert accept(outbox, once()).mail.id == second.mail.id != first.mail.id


def test_another_content_is_refused_and_changes_nothing(outbox: Outbox) -> None:
    first = accept(outbox, once(1, content=1))
    with pytest.raises(OtherContentError):
        accept(outbox, once(1, content=2))
    assert accept(outbox, once(1, content=1)).mail.id == first.mail.id
    assert len(listed(outbox)) == 1


def test_of_100_at_the_same_moment_one_is_a_mail(outbox: Outbox) -> None:
    results = [result.result() for result in all_at_once(lambda _: accept(outbox, once()), range(100))]
    assert sum(not result.repeated for result in results) == 1
    assert {result.mail.id for result in results} == {mail.id for mail in listed(outbox)}
    assert len(listed(outbox)) == 1


def test_those_of_one_transaction_are_told_apart(database: Database, outbox: Outbox, clock: Clock) -> None:
    mails = [accept(outbox, once(token)).mail for token in range(3)]
    new = [replace(mail, id=f"{mail.id[:-1]}x") for mail in mails]
    wishes = [
        (mail, Terms(what), NO_EXTRAS) for mail, what in zip(new * 2, [once(1), once(7), once(8)] * 2, strict=True)
    ]
    with transaction(database.recording) as connection:
        results = accepting.accept(connection, [*wishes, (new[0], Terms(once(7, content=1)), NO_EXTRAS)], clock())
    ids = [mails[1].id, new[1].id, new[2].id]
    assert [result.mail.id for result in results if isinstance(result, Accepted)] == ids * 2
    repeated = [result.repeated for result in results if isinstance(result, Accepted)]
    assert repeated == [True, False, False, True, True, True]
    assert isinstance(results[-1], OtherContentError)
    assert {mail.id for mail in listed(outbox)} == {mail.id for mail in mails} | {new[1].id, new[2].id}


def test_several_programs_know_of_each_other(database: Database, clock: Clock) -> None:
    first, second = Outbox(database, clock), Outbox(database, clock)
    results = all_at_once(lambda number: accept((first, second)[number % 2], once()), range(50))
    assert len({result.result().mail.id for result in results}) == len(listed(first)) == 1
    assert accept(Outbox(database, clock), once()).repeated


def test_a_repeated_request_counts_against_nothing(outbox: Outbox) -> None:
    use = Use(1, Rate(2, 3600.0), "")
    for _ in range(5):
        accept(outbox, once(1), use)
    assert not accept(outbox, once(2), use).repeated
    with pytest.raises(LimitReachedError):
        accept(outbox, once(3), use)
    assert accept(outbox, once(1), use).repeated


def test_a_request_that_was_refused_is_not_remembered(outbox: Outbox, clock: Clock) -> None:
    use = Use(1, Rate(1, 1.0), "")
    accept(outbox, once(1), use)
    with pytest.raises(LimitReachedError):
        accept(outbox, once(2), use)
    clock.pass_s(1)
    assert not accept(outbox, once(2), use).repeated


def test_a_window_of_a_clock_that_was_years_ahead_swallows_no_mail(outbox: Outbox, clock: Clock) -> None:
    clock.pass_s(10 * 365 * 86400)
    accept(outbox, once())
    clock.pass_s(-10 * 365 * 86400)
    assert not accept(outbox, once()).repeated
    assert accept(outbox, once()).repeated
