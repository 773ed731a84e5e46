"""Mails are listed newest first, in pages, filtered."""

from collections.abc import Sequence

import pytest

from messaging.outbox.claims import Claims
from messaging.outbox.outbox import Outbox
from messaging.outbox.records import Mail
from messaging.outbox.states import State
from tests.fixtures.clock import Clock
from tests.fixtures.storage import accept, listed


@pytest.fixture
def mails(outbox: Outbox, claims: Claims, clock: Clock) -> list[Mail]:
    """Ten mails, the newest first, each a second younger than the next; the two oldest are claimed."""
    mails: list[Mail] = []
    for number in range(10):
        mails.insert(0, accept(outbox, f"user{number % 3}@example.com"))
        clock.pass_s(1)
    for mail in mails[-2:]:
        assert claims.claim(mail.id)
    return mails


def ids(mails: Sequence[Mail]) -> list[str]:
    return [mail.id for mail in mails]


def test_the_newest_comes_first(outbox: Outbox, mails: list[Mail]) -> None:
    assert ids(listed(outbox)) == ids(mails)


def test_an_empty_outbox_lists_nothing(outbox: Outbox) -> None:
    assert list(listed(outbox)) == []


def test_the_last_of_a_page_asks_for_the_next(outbox: Outbox, mails: list[Mail]) -> None:
    pages, before = [], None
    while page := ids(listed(outbox, limit=4, before=before)):
        pages.append(page)
        before = page[-1]
    assert [len(page) for page in pages] == [4, 4, 2]
    assert [mail_id for page in pages for mail_id in page] == ids(mails)


def test_mails_of_one_state(outbox: Outbox, mails: list[Mail]) -> None:
    assert ids(listed(outbox, state=State.SENDING)) == ids(mails[-2:])
    assert ids(listed(outbox, state=State.QUEUED)) == ids(mails[:-2])
    assert list(listed(outbox, state=State.SENT)) == []


def test_mails_to_one_address(outbox: Outbox, mails: list[Mail]) -> None:
    wanted = [mail for mail in mails if mail.recipient == "user1@example.com"]
    assert ids(listed(outbox, recipient="user1@example.com")) == ids(wanted)


def test_filters_and_pages_go_together(outbox: Outbox, mails: list[Mail]) -> None:
    found = listed(outbox, state=State.QUEUED, recipient="user2@example.com", before=mails[1].id, limit=1)
    assert ids(found) == [mails[4].id]
