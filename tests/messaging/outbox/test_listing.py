"""Mails are listed newest first, in pages, filtered."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from messaging.outbox import listing as module
from messaging.outbox.claims import Claims
from messaging.outbox.database import Database
from messaging.outbox.filters import Filter, Scope
from messaging.outbox.listing import Listing, Page
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


def walk(listing: Listing, wanted: Filter, limit: int) -> list[Page]:
    """All pages of a filter."""
    pages = [listing.page(wanted, limit)]
    while pages[-1].before:
        pages.append(listing.page(replace(wanted, before=pages[-1].before), limit))
    return pages


@pytest.mark.parametrize("look_for_s", [-1, 5], ids=["a window a page", "all windows in a page"])
@pytest.mark.parametrize("window", [1, 3, 4, 60])
@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(recipient="user1@example.com"),
        Filter(State.QUEUED),
        Filter(State.QUEUED, "user0@example.com"),
        Filter(State.SENDING, "user2@example.com"),
        Filter(scope=Scope(("user2@example.com",))),
        Filter(State.SENT),
    ],
)
def test_however_many_are_looked_at_at_once_no_mail_is_missed_and_none_comes_twice(
    database: Database,
    mails: list[Mail],
    monkeypatch: pytest.MonkeyPatch,
    wanted: Filter,
    window: int,
    look_for_s: float,
) -> None:
    monkeypatch.setattr(module, "_WINDOW", window)
    monkeypatch.setattr(module, "_LOOK_FOR_S", look_for_s)
    monkeypatch.setattr(module, "_SHORT_BACKLOG", 3)
    sending = ids(mails[-2:])
    fitting = [
        mail.id
        for mail in mails
        if wanted.state in (None, State.SENDING if mail.id in sending else State.QUEUED)
        and wanted.recipient in (None, mail.recipient)
        and wanted.scope.has(mail)
    ]
    pages = walk(Listing(database), wanted, 2)
    assert [mail.id for page in pages for mail in page.mails] == fitting
    if look_for_s > 0:
        assert len(pages) <= max(1, (len(fitting) + 1) // 2)


def test_many_of_one_moment_are_looked_at_together(
    outbox: Outbox, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WINDOW", 3)
    monkeypatch.setattr(module, "_LOOK_FOR_S", -1)
    accepted: list[str] = []
    for number in range(3):
        accepted += [accept(outbox, f"user{number % 2}@example.com").id for _ in range(5)]
        clock.pass_s(0.001)
    pages = walk(Listing(database), Filter(recipient="user0@example.com"), 100)
    found = [mail.id for page in pages for mail in page.mails]
    assert found == sorted(accepted[:5] + accepted[10:], reverse=True)


def test_where_to_go_on_is_no_mail_that_the_list_does_not_show(
    database: Database, mails: list[Mail], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WINDOW", 2)
    monkeypatch.setattr(module, "_LOOK_FOR_S", -1)
    pages = walk(Listing(database), Filter(scope=Scope(("@elsewhere.example",))), 5)
    bounds = [page.before for page in pages if page.before]
    assert len(bounds) > 3
    for before in bounds:
        assert not any(mail.id.startswith(before[:20]) for mail in mails)
    assert all(first > second for first, second in pairwise(bounds))
