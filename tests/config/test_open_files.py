"""How many files a process may have open, where the system starts with few."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]

_PROGRAM = "from config import open_files; print(open_files.most()); open_files.allow_many(); print(open_files.most())"


def limits(commands: str) -> list[int]:
    """The limit before and after, in a process that a shell with limits of its own starts."""
    shell = ["sh", "-c", f'{commands}; exec "$0" -c "$1"', sys.executable, _PROGRAM]
    done = subprocess.run(shell, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=30)
    return [int(line) for line in done.stdout.split()]


@pytest.mark.parametrize(
    ("commands", "before", "after"),
    [
        ("ulimit -Sn 256; ulimit -Hn 9000", 256, 4096),
        ("ulimit -Sn 9000; ulimit -Hn 9000", 4096, 4096),
        ("ulimit -Sn 256; ulimit -Hn 1024", 256, 1024),
    ],
)
def test_it_is_raised_to_what_we_may_want_or_may_have(commands: str, before: int, after: int) -> None:
    assert limits(commands) == [before, after]
