"""What a measurement is: something that is done with each of several systems in turns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.figures import Figure
from benchmarks.ground import Ground
from benchmarks.systems import System


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rounds: int
    #: Length of a load, in seconds.
    load_s: int
    #: Mails after which memory is looked at.
    mails: int


FULL: Final = Scale(rounds=3, load_s=4, mails=100_000)
QUICK: Final = Scale(rounds=1, load_s=2, mails=10_000)

#: Measures one system; called once a round.
Measure = Callable[[Ground, System, Scale], Mapping[Figure, float]]


@dataclass(frozen=True)
class Measurement:
    """One of the benchmark's parts."""

    name: str
    measure: Measure
    systems: Sequence[System]
    #: Whether one round tells as much as several.
    once: bool = False

    def in_turn(self, round_number: int) -> list[System]:
        """The systems in the order of a round: each is the first of one."""
        first = round_number % len(self.systems)
        return [*self.systems[first:], *self.systems[:first]]
