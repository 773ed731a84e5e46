"""What a scenario is: one thing that goes wrong, and what may come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.drills.rig import Rig, Trouble
from tests.drills.tally import Tally
from tests.servers.script import Script

#: Mails that two worker processes with eight threads each have in hand.
IN_HAND: Final = 16

#: A further expectation of a scenario; asserts it.
Also = Callable[[Rig, Tally], None]


def nothing_more(_rig: Rig, _tally: Tally) -> None:
    """Have no other expectations than every scenario has."""


@dataclass(frozen=True)
class Scenario:
    """One drill. In every one nothing is lost, and the status never says what is not so."""

    name: str
    #: The promise of docs/design.md that it proves.
    promise: int
    trouble: Trouble
    #: What the relay does from the start.
    script: Script = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    #: Whether the workers are threads of the web process, without RabbitMQ.
    embedded: bool = False
    #: Whether it needs the broker for itself, without a virtual host that goes when its data goes.
    whole_broker: bool = False
    #: The relay's login.
    login: tuple[str, str] | None = None
    #: How many mails may come twice; None for as many as there are.
    may_double: int | None = 0
    #: Everything is done so long after the trouble ended, in seconds.
    recovers_within_s: float = 30.0
    #: What else must be so.
    also: Also = nothing_more

    @property
    def doubles_allowed(self) -> str:
        return "each once" if self.may_double is None else str(self.may_double)
