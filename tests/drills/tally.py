"""What a drill counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes

from tests.drills import unanswered
from tests.drills.load import Sent
from tests.drills.unanswered import Absence
from tests.drills.watcher import Seen
from tests.servers.script import Received


@dataclass(frozen=True)
class Tally:
    """One line of the result."""

    accepted: int
    #: Requests that were answered with a 503 that says when to come again, and those that were not answered.
    turned_down: int
    unanswered: int
    #: All other answers but 202.
    wrong_answers: tuple[str, ...]
    #: Of all that had no answer, those for a status among them: the errors of those that had none while the web process
    #: was there, and how many were not just refused.
    unanswered_while_up: tuple[str, ...]
    cut: int
    #: Mails that the relay has.
    delivered: int
    #: Failed because the relay refused them.
    refused: int
    #: Accepted, and neither taken nor refused by the relay; or failed, and not refused.
    lost: int
    #: Taken by the relay more than once: how many times too many in all, and how often the one that came most often.
    doubled: int
    most_often: int
    #: Mails that were in hand when something was killed, and how many came more than once that were not.
    in_hand: int
    doubled_idle: int
    #: Of all that came more than once, with another Message-ID than the first.
    doubled_otherwise: int
    #: Longest time to an answer, in seconds.
    longest_s: float
    #: From the end of the trouble until nothing was left to do, in seconds.
    recovered_s: float
    #: For how long the status was watched, in seconds, how often it was seen (and of these, of a mail that had been
    #: seen before), how often it was not to be had, and what it said that was not so.
    watched_s: float
    looks: int
    looks_again: int
    blind_looks: int
    lies: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"accepted {self.accepted}, turned down {self.turned_down}, unanswered {self.unanswered} ({self.cut} cut), "
            f"delivered {self.delivered}, refused {self.refused}, lost {self.lost}, "
            f"doubled {self.doubled} (with {self.in_hand} in hand, {self.doubled_idle} of them others, "
            f"{self.doubled_otherwise} with another Message-ID), "
            f"longest answer {self.longest_s * 1000:.0f} ms, recovered in {self.recovered_s:.1f} s, "
            f"status seen {self.looks} times in {self.watched_s:.1f} s, {self.looks_again} times again"
        )


def count(
    sent: Sent,
    mails: Sequence[Received],
    refused: set[str],
    states: Mapping[str, str],
    seen: Seen,
    in_hand: set[str],
    absences: Sequence[Absence],
    recovered_s: float,
) -> Tally:
    """Compare what was promised and said with what the relay has.

    Args:
        sent: what the clients were told.
        mails: what came to the relay whole, whatever it answered.
        refused: recipients that the relay refused for good.
        states: recipient to the state of the mail at the end.
        seen: what the status said before.
        in_hand: recipients of mails that were in hand when something was killed.
        absences: from when to when the web process was away.
        recovered_s: how long it took after the trouble.
    """
    # Where it gave no answer it may have the mail, and we may count on nothing.
    taken = [mail for mail in mails if mail.answer is None or mail.accepted]
    times = Counter(mail.recipients[0] for mail in taken)
    ids: dict[str, set[str]] = {}
    for mail in taken:
        ids.setdefault(mail.recipients[0], set()).add(message_from_bytes(mail.content)["Message-ID"])
    failed = {recipient for recipient, state in states.items() if state == "failed"}
    no_answers = [*sent.unanswered, *seen.unanswered]
    return Tally(
        accepted=len(sent.accepted),
        turned_down=len(sent.turned_down),
        unanswered=len(sent.unanswered),
        wrong_answers=tuple(sent.wrong),
        unanswered_while_up=tuple(unanswered.while_up(no_answers, absences)),
        cut=unanswered.cut(no_answers),
        delivered=len(times),
        refused=len(failed & refused),
        lost=len((sent.accepted.keys() - times.keys() | failed) - refused),
        doubled=times.total() - len(times),
        most_often=max(times.values(), default=0),
        in_hand=len(in_hand),
        doubled_idle=len({recipient for recipient, number in times.items() if number > 1} - in_hand),
        doubled_otherwise=sum(len(found) - 1 for found in ids.values()),
        longest_s=sent.longest_s,
        recovered_s=recovered_s,
        watched_s=seen.watched_s,
        looks=seen.looks,
        looks_again=seen.again,
        blind_looks=len(seen.unanswered),
        lies=(*seen.lies, *_said_too_early(mails, states, seen), *_turned_down_and_stored(sent, states)),
    )


def _said_too_early(mails: Sequence[Received], states: Mapping[str, str], seen: Seen) -> list[str]:
    """Find what was said to be sent before the relay had said 250 to it, or without that."""
    yes_at = {mail.recipients[0]: mail.at for mail in reversed(mails) if mail.accepted}
    never = [
        f"{recipient}: said to be sent, and the relay never said 250"
        for recipient, state in states.items()
        if state == "sent" and recipient not in yes_at
    ]
    early = [
        f"{recipient}: said to be sent {yes_at[recipient] - at:.3f} s before the relay said 250"
        for recipient, at in seen.sent_at.items()
        if recipient in yes_at and at < yes_at[recipient]
    ]
    return never + early


def _turned_down_and_stored(sent: Sent, states: Mapping[str, str]) -> list[str]:
    return [
        f"{recipient}: {words}, and {states[recipient]}"
        for recipient, words in sent.turned_down.items()
        if recipient in states
    ]
