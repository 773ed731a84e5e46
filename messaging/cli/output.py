"""What a command prints: data on standard output, as text for people or JSON for programs; talk on standard error."""

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Final, TextIO

from config.values import as_one_line

#: SGR parameters (ECMA-48) of the states that people look for.
_COLORS: Final = {"sent": "32", "tested": "32", "failed": "31", "retrying": "33", "sending": "36", "canceled": "90"}

#: How many of a table's columns, the last ones, are made narrower on a terminal that they do not fit on, down to how
#: many characters; and what is between two.
_FLEXIBLE: Final = 3
_LEAST: Final = 5
_GAP: Final = "  "


def print_json(document: object) -> None:
    print(json.dumps(document, ensure_ascii=False), flush=True)


def print_line(text: str) -> None:
    """Print one line, whatever is in the text."""
    print(as_one_line(text), flush=True)


def say(text: str) -> None:
    """Tell who looks on, but not who reads the output."""
    print(f"messaging: {as_one_line(text)}", file=sys.stderr, flush=True)


def print_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below names: on a terminal as wide as that is, elsewhere as wide as they are, with no names."""
    wide = sys.stdout.isatty()
    lines = [[as_one_line(cell) for cell in row] for row in ([names, *rows] if wide else rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    if wide:
        _fit(widths, shutil.get_terminal_size().columns - len(_GAP) * (len(widths) - 1))
    for line in lines:
        print(_GAP.join(_cell(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip())
    sys.stdout.flush()


def is_colored(stream: TextIO) -> bool:
    """Whether colors are shown on a stream, and wanted (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _fit(widths: list[int], room: int) -> None:
    """Make the widest of the columns that may be narrower so, until all of them fit."""
    while sum(widths) > room and (widest := max(widths[-_FLEXIBLE:])) > _LEAST:
        widths[widths.index(widest, -_FLEXIBLE)] -= 1


def _cell(text: str, width: int) -> str:
    """A text as wide as its column, cut where it is wider, in the color of what it says."""
    while _width(text) > width:
        text = f"{text[:-2]}…"
    blank = " " * (width - _width(text))
    color = _COLORS.get(text)
    return f"\x1b[{color}m{text}\x1b[0m{blank}" if color and is_colored(sys.stdout) else text + blank


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(unicodedata.combining(each) > 0 for each in text)
