"""How far something has come: a bar on a terminal, and nothing elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from messaging.cli.output import is_colored


@contextmanager
def progress(total: int, unit: str) -> Iterator[Callable[[int], object]]:
    """What is told by how many it goes on.

    Args:
        total: how many there are.
        unit: what is done to them, in one word.
    """
    if not sys.stderr.isatty():
        yield lambda _by: None
        return
    from tqdm import tqdm  # 80 ms, for who has seconds to spare

    with tqdm(total=total, desc=unit, unit=" mails", colour="green" if is_colored(sys.stderr) else None) as bar:
        yield bar.update
