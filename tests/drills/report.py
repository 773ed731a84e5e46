"""Reports the results of drills: a line each, and the table of docs/reliability.md."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from tests.drills.rig import Size
from tests.drills.scenario import Scenario
from tests.drills.scenarios import ALL
from tests.drills.tally import Tally

#: The table stands between these two lines of the document.
_BEGIN: Final = "<!-- written by make drill -->"
_END: Final = "<!-- end of what make drill wrote -->"

_COLUMNS: Final = (
    "what goes wrong",
    "promise",
    "accepted",
    "503",
    "unanswered",
    "refused",
    "lost",
    "doubled",
    "allowed",
    "longest answer",
    "recovered in",
)


class Result(NamedTuple):
    """One drill with one seed."""

    scenario: Scenario
    seed: int
    tally: Tally

    @property
    def as_property(self) -> list[Any]:
        """It as plain data."""
        return [self.scenario.name, self.seed, asdict(self.tally)]

    @classmethod
    def in_order(cls, properties: Iterable[list[Any]]) -> list[Self]:
        """The results that plain data stand for, in the order of the scenarios."""
        places = {scenario.name: place for place, scenario in enumerate(ALL)}
        found = [(places[name], seed, Tally(**tally)) for name, seed, tally in properties]
        return [cls(ALL[place], seed, tally) for place, seed, tally in sorted(found, key=lambda one: one[:2])]


def lines(results: Sequence[Result]) -> list[str]:
    return [f"{result.scenario.name} (seed {result.seed}): {result.tally}" for result in results]


def write(document: Path, results: Sequence[Result], size: Size) -> None:
    """Replace the table in `document`: the worst of all seeds in each row.

    Args:
        document: has the two lines between which the table stands.
        results: of one run.
        size: of all of them.
    """
    rows = [
        f"{len(results)} runs: {size.per_s:g} mails a second for {size.load_s:g} s, outages of {size.outage_s:g} s.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"| --- | {' | '.join('---:' for _ in _COLUMNS[1:])} |",
    ]
    by_name: dict[str, list[Result]] = {}
    for result in results:
        by_name.setdefault(result.scenario.name, []).append(result)
    rows += [_row(same) for same in by_name.values()]
    text = document.read_text()
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    document.write_text("\n".join([before + _BEGIN, "", *rows, "", _END + after]))


def _row(results: Sequence[Result]) -> str:
    scenario, tallies = results[0].scenario, [result.tally for result in results]
    cells = [
        scenario.name,
        str(scenario.promise),
        str(sum(tally.accepted for tally in tallies)),
        str(sum(tally.turned_down for tally in tallies)),
        str(sum(tally.unanswered for tally in tallies)),
        str(sum(tally.refused for tally in tallies)),
        str(sum(tally.lost for tally in tallies)),
        str(sum(tally.doubled for tally in tallies)),
        str(sum(scenario.may_double(tally) for tally in tallies)),
        f"{max(tally.longest_s for tally in tallies) * 1000:.0f} ms",
        f"{max(tally.recovered_s for tally in tallies):.1f} s",
    ]
    return f"| {' | '.join(cells)} |"
