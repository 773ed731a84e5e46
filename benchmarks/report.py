"""Writes the results: a table of ratios, the targets beside them, and all medians."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure, Samples
from benchmarks.systems import OURS
from benchmarks.targets import TARGETS, Target

#: The results stand between these two lines of the document.
_BEGIN: Final = "<!-- written by make bench -->"
_END: Final = "<!-- end of what make bench wrote -->"


def results(samples: Samples, machine: Sequence[str]) -> str:
    """All results as Markdown."""
    parts = ["\n".join(machine), _ratios(samples), _targets(samples), _medians(samples)]
    return "\n\n".join(part for part in parts if part)


def write(document: Path, text: str) -> None:
    """Replace what stands between the two lines of the document."""
    before, _, rest = document.read_text().partition(_BEGIN)
    document.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{rest.partition(_END)[2]}")


def _ratios(samples: Samples) -> str:
    """How many times as much the product has as each of the others."""
    figures = [figure for figure in samples.figures if len(samples.systems(figure)) > 1]
    figures = [figure for figure in figures if OURS.name in samples.systems(figure)]
    others = list(dict.fromkeys(other for figure in figures for other in samples.systems(figure) if other != OURS.name))
    rows = []
    for figure in figures:
        ratios = [samples.ratio(figure, OURS.name, other) for other in others]
        cells = [f"{ratio:.2f}" if ratio is not None else "" for ratio in ratios]
        rows.append([_title(figure), *cells])
    heading = f"{OURS.name} has so many times as much as"
    return _table([heading, *others], rows)


def _targets(samples: Samples) -> str:
    rows = [row for target in TARGETS if (row := _target(samples, target))]
    return _table(["target", "wanted", "measured", ""], rows)


def _target(samples: Samples, target: Target) -> list[str] | None:
    ratio = target.ratio(samples)
    if ratio is None:
        return None
    other = f"{target.over_figure.title}" if target.over_figure else target.over.name
    of = "" if target.of is OURS else f"{target.of.name}: "
    missed = target.missed_by(ratio)
    sign = "≥" if target.figure.more_is_better else "≤"
    return [
        f"{of}{target.figure.title}, of {other}",
        f"{sign} {target.bound:.2f}",
        f"{ratio:.2f}",
        f"missed by {missed:.0%}" if missed else "met",
    ]


def _medians(samples: Samples) -> str:
    rows = []
    for figure in samples.figures:
        for system in samples.systems(figure):
            values = samples.of(figure, system)
            spread = f"{figure.text(min(values))} to {figure.text(max(values))}" if len(values) > 1 else ""
            rows.append(
                [figure.title, system, f"{figure.text(samples.median(figure, system) or 0)} {figure.unit}", spread]
            )
    return _table(["figure", "system", "median", "of all rounds"], rows)


def _title(figure: Figure) -> str:
    return figure.title if figure.more_is_better else f"{figure.title} (less is better)"


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    rule = ["---", *("---:" for _ in heading[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, rule, *rows))
