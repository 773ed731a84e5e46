"""Keeps a process on one processor."""

import os
import socket
import sys
from zlib import crc32


def keep_to_one_processor() -> None:
    """Have the kernel run all threads of this process, also those that are yet to start, on one of its processors.

    The interpreter's lock lets one thread run at a time. Where the kernel spreads the threads, each change from one to
    the next wakes another processor, which takes longer than what most threads then do; on one they take turns for
    nothing: 1.5 to 3 times the requests. Which one goes by the process's number, as the workers of one master mostly
    have numbers in a row, and by the machine's name, as containers all count from 1. One that was bound before, such as
    by `taskset`, stays within its bounds. Linux only.
    """
    if not sys.platform.startswith("linux"):
        return
    allowed = sorted(os.sched_getaffinity(0))
    place = os.getpid() + crc32(socket.gethostname().encode())
    os.sched_setaffinity(0, {allowed[place % len(allowed)]})
