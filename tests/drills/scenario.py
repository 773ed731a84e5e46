"""What a scenario is: one thing that goes wrong, and what may come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.drills.expectations import Expectation
from tests.drills.load import CLIENTS
from tests.drills.rig import Trouble
from tests.drills.scripts import MakeScript, always
from tests.drills.tally import Tally

#: Short enough for a drill, long enough to be told apart; a scenario may say otherwise.
SETTINGS: Final = {
    "OPEN_PER_RECIPIENT": "off",
    "OPEN_PER_CLIENT": "off",
    "OPEN_TOTAL": "off",
    "LEASE": "3s",
    "HOLD_PROBE": "1s",
    "RETRY_SCHEDULE": "1s,1s,1s,2s,2s,2s,2s,2s,2s",
}

#: Longest time to recover, in seconds, in every scenario.
RECOVERS_WITHIN_S: Final = 30.0


@dataclass(frozen=True)
class Scenario:
    """One drill. In every one nothing is lost, and the status never says what is not so."""

    name: str
    #: The promise of docs/design.md that it proves.
    promise: int
    trouble: Trouble
    #: What the relay does from the start.
    script: MakeScript = always({})
    environ: Mapping[str, str] = field(default_factory=dict)
    #: Whether the workers are threads of the web process, without RabbitMQ.
    embedded: bool = False
    #: Whether it is about RabbitMQ's heartbeats: where outages are short, they come more often.
    heartbeats: bool = False
    #: Whether the service's clock can be set.
    clock: bool = False
    #: The root of the worker processes.
    workers: str = "workers.main"
    #: The root of the web process.
    web: str = "messaging"
    #: The relay's login.
    login: tuple[str, str] | None = None
    #: Whether requests may be cut that have begun: the web process is killed, or loses its sense of time.
    cuts: bool = False
    #: Whether clients may get a 503: there is nowhere to put a mail.
    turns_down: bool = False
    #: How many mails those have in hand that are killed, at the most; each of them may come once more.
    kills_with: int = 0
    #: How often the answer to a mail is lost, so that it has to be sent once more.
    lost_answers: int = 0
    #: Longest time to an answer, in seconds; below the 2 s for which a broker that hangs is waited for.
    answers_within_s: float = 1.5
    #: What else must be so.
    expects: tuple[Expectation, ...] = ()

    def may_double(self, tally: Tally) -> int:
        """How many mails may come twice, of those that were accepted and were in hand."""
        return min(self.kills_with, tally.in_hand) + self.lost_answers * tally.accepted

    @property
    def may_cut(self) -> int:
        """How many requests may be cut: each client's and the watcher's, at the most."""
        return CLIENTS + 1 if self.cuts else 0

    @property
    def may_come(self) -> int:
        """How often one mail may come."""
        return 1 + bool(self.kills_with) + self.lost_answers
