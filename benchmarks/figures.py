"""What is measured, and the samples of one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """One thing that is measured of several systems."""

    title: str
    unit: str
    more_is_better: bool = True
    decimals: int = 0

    def text(self, value: float) -> str:
        return f"{value:,.{self.decimals}f}"


class Samples:
    """All that was measured: of each figure and system one sample a round."""

    def __init__(self) -> None:
        self._samples: dict[tuple[Figure, str], list[float]] = {}

    def add(self, system: str, measured: Mapping[Figure, float]) -> None:
        for figure, value in measured.items():
            self._samples.setdefault((figure, system), []).append(value)

    @property
    def figures(self) -> list[Figure]:
        return list(dict.fromkeys(figure for figure, _ in self._samples))

    def systems(self, figure: Figure) -> list[str]:
        return [system for each, system in self._samples if each == figure]

    def of(self, figure: Figure, system: str) -> Sequence[float]:
        """The samples in the order of the rounds; none if it was not measured."""
        return self._samples.get((figure, system), [])

    def median(self, figure: Figure, system: str) -> float | None:
        samples = self.of(figure, system)
        return median(samples) if samples else None

    def ratio(self, figure: Figure, system: str, over: str, over_figure: Figure | None = None) -> float | None:
        """How many times as much the median of `system` is as that of `over`.

        Args:
            figure: what is compared.
            system: what has it.
            over: what it is compared with.
            over_figure: of that, another figure than the same one.
        """
        one, other = self.median(figure, system), self.median(over_figure or figure, over)
        return one / other if one is not None and other else None  # nothing is a multiple of nothing
