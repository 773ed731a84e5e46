"""Keeps a process on one processor."""

import os
import sys


def keep_to_one_processor() -> None:
    """Have the kernel run all threads of this process, also those that are yet to start, on one of its processors.

    The interpreter's lock lets one thread run at a time. Where the kernel spreads the threads, each change from one to
    the next wakes another processor, which takes longer than what most threads then do; on one they take turns for
    nothing (docs/performance.md has the figures). Which one goes by the process's number, so that the processes of one
    master are spread; one that was bound before, such as by `taskset`, stays within its bounds. Linux only.
    """
    if not sys.platform.startswith("linux"):
        return
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})
