"""Ids sort by time, are unique, and have one spelling."""

import uuid

import pytest

from messaging.outbox.ids import is_id, new_id, time_of
from tests.fixtures.clock import NOON_MS


def test_a_later_id_sorts_after_an_earlier_one() -> None:
    ids = [new_id(NOON_MS + later) for later in (0, 1, 2, 1000, 10**9)]
    assert ids == sorted(ids)


def test_an_id_has_the_layout_of_version_7() -> None:
    for _ in range(100):
        parsed = uuid.UUID(new_id(NOON_MS))
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert parsed.int >> 80 == NOON_MS


def test_an_id_tells_when_it_was_made() -> None:
    assert time_of(new_id(NOON_MS)) == NOON_MS


def test_ids_of_the_same_moment_differ() -> None:
    assert len({new_id(NOON_MS) for _ in range(10_000)}) == 10_000


def test_an_id_is_recognised() -> None:
    assert is_id(new_id(NOON_MS))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "0190A000-0000-7000-8000-000000000000",
        "0190a00000007000800000000000 0000",
        "{0190a000-0000-7000-8000-000000000000}",
        "urn:uuid:0190a000-0000-7000-8000-000000000000",
        "0190a000-0000-7000-8000-00000000000\u0661",
        "0190a000-0000-7000-8000-000000000000\n",
    ],
)
def test_another_spelling_is_no_id(text: str) -> None:
    assert not is_id(text)
