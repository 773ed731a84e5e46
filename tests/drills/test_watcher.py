"""The watcher looks at the same mails again and again, so that it can tell what changed."""

from collections import defaultdict

import pytest

from tests.drills.watcher import PER_S, Turns


@pytest.mark.parametrize(("per_s", "load_s", "followed"), [(20, 3, 7), (100, 10, 25), (100, 66, 40)])
def test_mails_are_followed_while_the_load_is_on_and_after_it(per_s: int, load_s: int, followed: int) -> None:
    mails = [(f"t{number}@example.com", f"/{number}") for number in range(per_s * load_s)]
    turns = Turns(1)
    seen_at: dict[tuple[str, str], list[float]] = defaultdict(list)
    for look in range(round((load_s + 5) * PER_S)):
        at = look / PER_S
        seen_at[turns.next(mails[: 1 + round(at * per_s)])].append(at)
    under_load = [times for times in seen_at.values() if sum(at < load_s for at in times) > 1]
    for_long = [times for times in seen_at.values() if times[-1] - times[0] > 3]  # longer than leases and waits are
    assert len(under_load) >= followed
    assert len(for_long) >= followed


def test_half_of_the_looks_are_at_the_latest() -> None:
    mails = [(f"t{number}@example.com", f"/{number}") for number in range(1000)]
    turns = Turns(1)
    for last in range(1, 500):
        turns.next(mails[:last])
    latest = [turns.next(mails) in mails[-200:] for _ in range(100)]
    assert 45 <= sum(latest) <= 55
