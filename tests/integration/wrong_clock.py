"""A clock that is wrong by as much as a test wants, and can be set while programs go by it.

`python -m tests.integration.wrong_clock FILE MODULE ARGUMENTS` runs a module, and all that it forks, by that clock.
"""

import mmap
import os
import runpy
import sys
import time
from pathlib import Path
from typing import Final

#: The file holds one number: by how many nanoseconds the clock is wrong.
_BYTES: Final = 8


class WrongClock:
    """What programs under test take for the machine's clock; right until it is set.

    Args:
        file: where they look.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        file.write_bytes(bytes(_BYTES))

    @property
    def command(self) -> list[str]:
        """Put before a module and its arguments, it makes them go by this clock."""
        return [__name__, str(self._file)]

    def set_wrong_by(self, seconds: int) -> None:
        """Set it, for all who look, from now on."""
        with self._file.open("r+b", buffering=0) as file:
            os.pwrite(file.fileno(), _written(seconds * 1_000_000_000), 0)


def _written(nanoseconds: int) -> bytes:
    return nanoseconds.to_bytes(_BYTES, "little", signed=True)


def _go_by(file: Path) -> None:
    with file.open("rb") as opened:
        wrong_by = mmap.mmap(opened.fileno(), _BYTES, access=mmap.ACCESS_READ)
    right_ns = time.time_ns

    def time_ns() -> int:
        return right_ns() + int.from_bytes(wrong_by[:_BYTES], "little", signed=True)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if __name__ == "__main__":
    _go_by(Path(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
