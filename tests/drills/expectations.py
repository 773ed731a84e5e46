"""What has to be so in some scenarios, besides what has to be so in all of them."""

import itertools
from collections.abc import Callable, Sequence
from typing import Final

from tests.drills import transcript
from tests.drills.rig import Rig
from tests.drills.tally import Tally
from workers.policy import JITTER

#: Asserts it.
Expectation = Callable[[Rig, Tally], None]

#: Longest time from a request to the relay where nothing keeps a mail, in seconds: the machine is not ours alone.
_AT_ONCE_S: Final = 4.0

#: How much later than its time a mail may be tried again, in seconds: the dispatcher looks every second. And the one
#: that is least late.
_LATE_S: Final = 4.0
_LEAST_LATE_S: Final = 0.5

#: Longer than a second or third attempt is ever waited for where nothing is wrong, in seconds.
_NO_RETRY_WAITS_S: Final = 4.5


def nothing_is_charged(rig: Rig, _tally: Tally) -> None:
    """No mail pays for what is the relay's fault but those that were half handed over when it went."""
    charged = {recipient for (recipient,) in rig.query("SELECT recipient FROM mails WHERE attempts > 1")}
    assert charged <= transcript.interrupted(rig.relay.conversations), "the relay's absence was charged to a mail"


def attempts_are(number: int) -> Expectation:
    """The relay hears of every mail so often, and each try is charged and written down."""

    def check(rig: Rig, tally: Tally) -> None:
        tried = transcript.tried_at(rig.relay.conversations)
        assert len(tried) == tally.accepted, f"the relay heard of {len(tried)}"
        assert {len(times) for times in tried.values()} == {number}, "the relay heard of one more or less often"
        charged = "SELECT attempts, count(*) FROM mails GROUP BY 1"
        written = "SELECT n, count(*) FROM (SELECT count(*) AS n FROM attempts GROUP BY mail_id) GROUP BY 1"
        for found in (dict(rig.query(charged)), dict(rig.query(written))):
            assert found.keys() == {number}, f"so many mails with so many attempts: {found}"

    return check


def waits_are(*schedule_s: float) -> Expectation:
    """The relay hears of mails as far apart as the schedule says: never sooner, soon after, and some at their time."""

    def check(rig: Rig, _tally: Tally) -> None:
        for waits_s, scheduled_s in zip(zip(*_waits_s(rig), strict=True), schedule_s, strict=True):
            soonest_s, latest_s = scheduled_s * (1 - JITTER), scheduled_s * (1 + JITTER)
            assert soonest_s <= min(waits_s) <= latest_s + _LEAST_LATE_S, f"tried after {min(waits_s):.1f} s"
            assert max(waits_s) <= latest_s + _LATE_S, f"tried again after {max(waits_s):.1f} s"

    return check


def relay_was_not_away(rig: Rig, _tally: Tally) -> None:
    """Nothing was held: no attempt ended in trouble with the relay itself."""
    troubles = rig.query("SELECT DISTINCT reply FROM attempts WHERE outcome = 'relay'")
    assert not troubles, f"the relay was taken for one that is away: {troubles}"


def all_are_refused(_rig: Rig, tally: Tally) -> None:
    assert tally.refused == tally.accepted, f"{tally.refused} of {tally.accepted} failed"


def all_but_these_come_at_once(number: int) -> Expectation:
    """So many mails have a hard time; none of the others waits for them."""

    def check(rig: Rig, _tally: Tally) -> None:
        longest_s = _delays_s(rig)[-number - 1]
        assert longest_s < _AT_ONCE_S, f"one waited {longest_s:.1f} s for others"

    return check


def some_waited(rig: Rig, _tally: Tally) -> None:
    """What was away was missed: the trouble was there."""
    longest_s = _delays_s(rig)[-1]
    assert longest_s > rig.size.spell_s * 3 / 4, f"none waited longer than {longest_s:.1f} s"


def retries_waited(rig: Rig, _tally: Tally) -> None:
    """Mails were to be tried again in the time of the trouble, and could not be."""
    longest_s = max(max(waits_s) for waits_s in _waits_s(rig))
    assert longest_s > _NO_RETRY_WAITS_S, f"none waited longer than {longest_s:.1f} s"


def clock_jumped(by_s: float) -> Expectation:
    """What the service takes for the times of mails shows that its clock was set meanwhile."""

    def check(rig: Rig, _tally: Tally) -> None:
        [(first_s, last_s)] = rig.query("SELECT min(created_at) / 1000.0, max(created_at) / 1000.0 FROM mails")
        assert last_s - first_s >= by_s, f"all in {last_s - first_s:.0f} s"

    return check


def logins_are_few(probe_every_s: float) -> Expectation:
    """One login of each worker process is refused when the trouble begins, then one a probe."""

    def check(rig: Rig, _tally: Tally) -> None:
        tried_at = [at for (at,) in rig.query("SELECT started_at / 1000.0 FROM attempts WHERE code = 535 ORDER BY 1")]
        probed_at = [at for at in tried_at if at > tried_at[0] + 1]
        waits_s = [later - sooner for sooner, later in itertools.pairwise([tried_at[0], *probed_at])]
        assert min(waits_s) > probe_every_s - 1, "probes come too soon"  # the dispatcher looks every second
        logins = len(transcript.answered_at(rig.relay.conversations, 535))
        assert len(probed_at) < logins <= len(probed_at) + rig.system.processes, f"{logins} logins"

    return check


def relay_says(code: int) -> Expectation:
    """The relay came to say it while there were mails still to come."""

    def check(rig: Rig, _tally: Tally) -> None:
        last_at = max(mail.at for mail in rig.relay.accepted)
        said_at = transcript.answered_at(rig.relay.conversations, code)
        assert any(at < last_at for at in said_at), f"the relay said {code} {len(said_at)} times, and never in time"

    return check


def _delays_s(rig: Rig) -> Sequence[float]:
    """From each request to the relay's 250, the shortest first."""
    accepted_at = dict(rig.query("SELECT recipient, created_at / 1000.0 FROM mails"))
    return sorted(mail.at - accepted_at[mail.recipients[0]] for mail in rig.relay.accepted)


def _waits_s(rig: Rig) -> list[list[float]]:
    """For each mail the times between its attempts, as the relay heard of them, in seconds."""
    tried_at = transcript.tried_at(rig.relay.conversations).values()
    return [[later - sooner for sooner, later in itertools.pairwise(times)] for times in tried_at]
