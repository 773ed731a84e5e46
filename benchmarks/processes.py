"""What processes cost: CPU time and memory, by Linux's /proc."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stack.family import descendants

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(member.pid for member in descendants(pid))]


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds that processes have used, with those of their children that have ended."""
    return sum(_ticks(pid) for pid in pids) / _TICKS_PER_S


def pss_mib(pids: Iterable[int]) -> float:
    """Memory of processes in MiB; what several share is counted once."""
    return sum(_kib(pid, "Pss") for pid in pids) / 1024


def rss_mib(pids: Iterable[int]) -> float:
    """Memory of processes in MiB as most tools add it up; what several share is counted for each."""
    return sum(_kib(pid, "Rss") for pid in pids) / 1024


def _ticks(pid: int) -> int:
    # proc(5): utime, stime, cutime and cstime are the fields 14 to 17; the second may hold anything.
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in values[11:15])


def _kib(pid: int, kind: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == kind:
            return int(value.split()[0])
    return 0  # it has ended, and waits to be collected
