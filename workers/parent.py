"""Ties a process to its parent: killed workers' masters leave no worker behind that nobody stops."""

import ctypes
import multiprocessing
import os
import signal
import sys
from typing import Final

#: prctl(2): the signal that the kernel sends when the parent has died.
_PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends, by whatever death; Linux only."""
    if not sys.platform.startswith("linux"):
        return
    # Who started us, as Dramatiq's master does, is known also where it died before we came to ask.
    starter = multiprocessing.parent_process()
    parent = starter.pid if starter else os.getppid()
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        # It died in between, and the kernel has nothing left to tell.
        os.kill(os.getpid(), signal.SIGKILL)
