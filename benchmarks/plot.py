"""Draws the results as bars, in SVG: each system relative to the product, in each figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from benchmarks.figures import Figure, Samples
from benchmarks.systems import OURS

_WIDTH: Final = 860
_LEFT: Final = 210  # where bars begin: names stand before it
_LONGEST: Final = 540  # a bar of the largest ratio
_ROW: Final = 20
_HEADING: Final = 30
_MARGIN: Final = 16

#: Readable whatever the page around it: the ground is drawn, too, and both follow what the reader's system prefers.
_STYLE: Final = """
  .ground { fill: #ffffff } text { fill: #24292f; font: 13px system-ui, sans-serif } .title { font-weight: 600 }
  .ours { fill: #2f6fdb } .other { fill: #9aa4b2 } .unit { stroke: #24292f; stroke-dasharray: 2 3 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .ours { fill: #58a6ff } .other { fill: #6e7681 }
    .unit { stroke: #e6edf3 }
  }
"""


class Group(NamedTuple):
    """A figure and its bars: a name, and how many times as much as the product it has."""

    figure: Figure
    bars: Sequence[tuple[str, float]]


def groups(samples: Samples, figures: Sequence[Figure]) -> list[Group]:
    """The bars of those figures that were measured of the product and of others."""
    found = []
    for figure in figures:
        bars = [(name, samples.ratio(figure, name, OURS.name) or 0.0) for name in samples.systems(figure)]
        if len(bars) > 1 and OURS.name in samples.systems(figure):
            found.append(Group(figure, bars))
    return found


def draw(bars_of: Sequence[Group], path: Path) -> None:
    path.write_text(_svg(bars_of))


def _svg(bars_of: Sequence[Group]) -> str:
    lines: list[str] = []
    y = _MARGIN
    for figure, bars in bars_of:
        better = "more is better" if figure.more_is_better else "less is better"
        lines.append(f'<text class="title" x="{_MARGIN}" y="{y + 14}">{escape(figure.title)} ({better})</text>')
        y += _HEADING - 6
        largest = max(ratio for _, ratio in bars)
        unit_x = _LEFT + _LONGEST / largest
        for name, ratio in bars:
            lines.append(_bar(name, ratio, ratio / largest * _LONGEST, y))
            y += _ROW
        lines.append(f'<line class="unit" x1="{unit_x:.1f}" x2="{unit_x:.1f}" y1="{y - _ROW * len(bars)}" y2="{y}"/>')
        y += _HEADING - _ROW
    y += _MARGIN - 10
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img">',
            f"<title>Each system relative to {OURS.name}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="ground" width="{_WIDTH}" height="{y}" rx="8"/>',
            *lines,
            "</svg>\n",
        ]
    )


def _bar(name: str, ratio: float, length: float, y: int) -> str:
    kind = "ours" if name == OURS.name else "other"
    return (
        f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="{kind}" x="{_LEFT}" y="{y + 2}" width="{max(length, 1):.1f}" height="{_ROW - 5}" rx="2"/>'
        f'<text x="{_LEFT + length + 8:.1f}" y="{y + 13}">{ratio:.2f}</text>'
    )
