"""Signed links: what was signed is what is sent, for as long as it was meant to."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.draft import Draft
from messaging.errors import ForbiddenError, GoneError
from messaging.links import Links
from messaging.outbox.database import Database
from messaging.outbox.secret import LinkSecret
from tests.fixtures.clock import Clock
from tests.fixtures.storage import url_of

DRAFT = Draft("me@example.com", "Grüße", "Eins\nzwei 🎈")
DAY_S = 86400.0
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
NOT_OURS = r"^link: this link was not made here, was changed since, or revoked$"


class KnownSecret(LinkSecret):
    """One that needs no database."""

    value = b"known" * 8

    def __init__(self) -> None:
        pass


@pytest.fixture
def links(database: Database, clock: Clock) -> Links:
    return Links(LinkSecret(database), clock)


@pytest.mark.parametrize("draft", [DRAFT, Draft("me@example.com", "", ""), Draft("a@b.example", "s", "x" * 5000)])
def test_a_link_says_what_it_was_made_for(links: Links, draft: Draft) -> None:
    token = links.make(draft, DAY_S)
    link = links.read(token, "link")
    assert (link.draft, link.ends_in_ms) == (draft, 86_400_000)
    assert links.read(token, "link") == link
    assert set(token) <= set(ALPHABET)


def test_two_links_to_the_same_mail_are_two(links: Links) -> None:
    tokens = {links.make(DRAFT, DAY_S) for _ in range(20)}
    ids = {links.read(token, "link").id for token in tokens}
    assert len(ids) == len(tokens) == 20
    # Of a million links two are the same one, and make one mail, with a probability of 3 in 100 million.
    assert {len(bytes.fromhex(link_id)) for link_id in ids} == {64 // 8}


def test_a_link_ends_to_the_millisecond(links: Links, clock: Clock) -> None:
    token = links.make(DRAFT, DAY_S)
    clock.pass_s(DAY_S - 0.001)
    assert links.read(token, "link").ends_in_ms == 1
    clock.pass_s(0.001)
    with pytest.raises(GoneError, match=r"^link: this link ended at 2026-03-02T12:00:00\.000Z$"):
        links.read(token, "link")


def test_no_character_of_it_can_be_another_one(links: Links) -> None:
    token = links.make(DRAFT, DAY_S)
    for position, was in enumerate(token):
        # At the end base64 may have bits that nobody reads.
        for other in set(ALPHABET if position == len(token) - 1 else "AZaz09-_.") - {was}:
            with pytest.raises(ForbiddenError, match=NOT_OURS):
                links.read(token[:position] + other + token[position + 1 :], "link")


def test_nothing_can_be_added_or_left_out(links: Links) -> None:
    token = links.make(DRAFT, DAY_S)
    content, _, signature = token.rpartition(".")
    for changed in (
        "",
        ".",
        content,
        f".{signature}",
        f"{content}.",
        f"{token}=",
        f"{token}A",
        f"{token}AA",
        f"{token[:-5]}!{token[-5:]}",
        f"{token[:5]}\n{token[5:]}",
        f"{token} ",
        f" {token}",
        token[:-1],
        token[1:],
        f".{token}",
        f"{token}.{signature}",
        token.upper(),
    ):
        with pytest.raises(ForbiddenError, match=NOT_OURS):
            links.read(changed, "link")


def test_words_of_one_link_do_not_fit_the_signature_of_another(links: Links) -> None:
    first, second = links.make(DRAFT, DAY_S), links.make(Draft("you@example.com", "s", "t"), DAY_S)
    with pytest.raises(ForbiddenError, match=NOT_OURS):
        links.read(f"{first.rpartition('.')[0]}.{second.rpartition('.')[2]}", "link")


def test_a_link_of_another_database_is_not_ours(
    links: Links, clock: Clock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Database(url_of(tmp_path_factory.mktemp("other") / "messaging.db"))
    other.upgrade()
    token = Links(LinkSecret(other), clock).make(DRAFT, DAY_S)
    other.close()
    with pytest.raises(ForbiddenError, match=NOT_OURS):
        links.read(token, "link")


def test_a_link_that_was_signed_before_all_were_revoked_is_refused_at_once_in_every_program(
    links: Links, database: Database, clock: Clock
) -> None:
    before = links.make(DRAFT, DAY_S)
    links.read(before, "link")
    LinkSecret(database).renew()
    with pytest.raises(ForbiddenError, match=NOT_OURS):
        links.read(before, "link")
    after = links.make(DRAFT, DAY_S)
    assert Links(LinkSecret(database), clock).read(after, "link").draft == DRAFT


def test_a_link_lasts_a_year_at_the_most_whoever_signed_it(links: Links, clock: Clock) -> None:
    year_s = 365 * DAY_S
    assert links.read(links.make(DRAFT, year_s), "link").draft == DRAFT
    token = links.make(DRAFT, year_s + DAY_S + 1)
    with pytest.raises(ForbiddenError, match=r"^link: this link lasts longer than any that is made here$"):
        links.read(token, "link")


def test_who_does_not_know_the_secret_cannot_sign(links: Links) -> None:
    fields = base64.urlsafe_b64encode(b'["0",9999999999999,"you@example.com","s","t"]').rstrip(b"=").decode()
    for signature in ("", "AAAA", "A" * 64):
        with pytest.raises(ForbiddenError, match=NOT_OURS):
            links.read(f"{fields}.{signature}", "link")


@given(st.one_of(st.text(max_size=300), st.from_regex(r"[A-Za-z0-9_.-]*", fullmatch=True)))
def test_whatever_it_is_it_is_read_or_refused(token: str) -> None:
    with pytest.raises(ForbiddenError, match=NOT_OURS):
        Links(KnownSecret()).read(token, "link")
