"""What a mail counts against."""

import pytest

from config.settings import Settings
from config.values import Rate
from messaging.digests import Digests
from messaging.gate import STRANGER, Caller
from messaging.keys import Key
from messaging.limits import Limits
from tests.fixtures.clock import NOON_MS
from tests.fixtures.storage import KnownSecret

KEY = Key("digest", "backup", NOON_MS)


def limits(**environ: str) -> Limits:
    return Limits(Digests(KnownSecret()), Settings.load(environ))


def test_a_stranger_s_mail_counts_against_its_recipient_its_client_and_all_others() -> None:
    uses = limits().uses(STRANGER, "198.51.100.7", "me@example.com")
    assert [str(use.rate) for use in uses] == ["3/h", "20/h", "200/h"]
    assert [use.about for use in uses] == [
        "without a key one address may get",
        "without a key one client may send",
        "without a key all together may send",
    ]
    assert len({use.subject for use in uses}) == 3


@pytest.mark.parametrize("name", ["OPEN_PER_RECIPIENT", "OPEN_PER_CLIENT", "OPEN_TOTAL"])
def test_a_limit_that_is_off_is_not_counted(name: str) -> None:
    uses = limits(**{name: "off"}).uses(STRANGER, "198.51.100.7", "me@example.com")
    others = limits().uses(STRANGER, "198.51.100.7", "me@example.com")
    assert len(uses) == 2
    assert set(uses) < set(others)


def test_another_recipient_and_another_client_are_counted_apart() -> None:
    one = limits().uses(STRANGER, "198.51.100.7", "me@example.com")
    assert limits().uses(STRANGER, "198.51.100.7", "ME+tag@example.com") == one
    assert [a == b for a, b in zip(one, limits().uses(STRANGER, "198.51.100.7", "you@example.com"), strict=True)] == [
        False,
        True,
        True,
    ]
    assert [a == b for a, b in zip(one, limits().uses(STRANGER, "198.51.100.8", "me@example.com"), strict=True)] == [
        True,
        False,
        True,
    ]


def test_a_key_s_mail_counts_against_the_key_s_own_limit_alone() -> None:
    assert limits().uses(Caller(KEY), "198.51.100.7", "me@example.com") == ()
    limited = Caller(Key("digest", "shop", NOON_MS, rate=Rate(100, 3600.0)))
    (use,) = limits().uses(limited, "198.51.100.7", "me@example.com")
    assert (use.rate, use.about) == (Rate(100, 3600.0), "this key may send")
    other = Caller(Key("another", "shop", NOON_MS, rate=Rate(100, 3600.0)))
    assert limits().uses(other, "198.51.100.7", "me@example.com")[0].subject != use.subject
