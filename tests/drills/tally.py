"""What a drill counted."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from email import message_from_bytes

from tests.drills.load import Sent
from tests.drills.watcher import Watcher
from tests.servers.script import Received


@dataclass(frozen=True)
class Tally:
    """One line of the result."""

    accepted: int
    delivered: int
    #: Refused by the relay, and said so.
    failed: int
    #: Accepted, and neither taken by the relay nor refused.
    lost: int
    #: Taken by the relay more than once: how many times too many.
    doubled: int
    #: Of those, with another Message-ID than the first.
    doubled_otherwise: int
    #: Longest time to an answer, in seconds.
    longest_s: float
    #: From the end of the trouble until nothing was left to do, in seconds.
    recovered_s: float
    #: What the status said that was not so.
    lies: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"accepted {self.accepted}, delivered {self.delivered}, failed {self.failed}, lost {self.lost}, "
            f"doubled {self.doubled} ({self.doubled_otherwise} with another Message-ID), "
            f"longest answer {self.longest_s * 1000:.0f} ms, recovered in {self.recovered_s:.1f} s"
        )


def count(
    sent: Sent, mails: Sequence[Received], failed: Collection[str], watcher: Watcher, recovered_s: float
) -> Tally:
    """Compare what was accepted with what the relay has.

    Args:
        sent: what the clients were told.
        failed: recipients of mails that failed.
        mails: what the relay said 250 to, or took without saying so.
        watcher: what the status said.
        recovered_s: how long it took after the trouble.
    """
    times = Counter(mail.recipients[0] for mail in mails)
    ids: dict[str, set[str]] = {}
    for mail in mails:
        ids.setdefault(mail.recipients[0], set()).add(message_from_bytes(mail.content)["Message-ID"])
    taken_at = {mail.recipients[0]: mail.at for mail in reversed(mails)}
    early = [
        f"{recipient}: said to be sent {taken_at.get(recipient, float('inf')) - at:.3f} s before it was"
        for recipient, at in watcher.sent_at.items()
        if taken_at.get(recipient, float("inf")) > at
    ]
    return Tally(
        accepted=len(sent.accepted),
        delivered=len(times),
        failed=len(failed),
        lost=len(sent.accepted.keys() - times.keys() - set(failed)),
        doubled=times.total() - len(times),
        doubled_otherwise=sum(len(found) - 1 for found in ids.values()),
        longest_s=sent.longest_s,
        recovered_s=recovered_s,
        lies=(*watcher.lies, *early),
    )
