"""Starts a server as a child that cannot outlive us, and ends it with everything it has started."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from stack.family import Member, descendants, is_alive

#: How long what a server had started may take to notice that the server is gone, before it is killed too.
_ORPHANS_S = 2.0


def start(
    command: Sequence[str | Path], *, output: Path, environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own: a Ctrl-C at the terminal is ours to hand on.

    It is killed when the thread that called this ends, by whatever death.

    Args:
        command: the program, and its arguments.
        output: the file that gets what it says on standard output and standard error.
        environ: its whole environment; ours if not given.
        cwd: where it runs.
    """
    with output.open("wb") as file:
        return subprocess.Popen(
            [*_leash(), *command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environ,
            cwd=cwd,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes], *, by: signal.Signals = signal.SIGTERM, grace_s: float = 10.0) -> None:
    """Ask it to stop, kill it if it does not in time, and see that nothing of it is left."""
    family = descendants(process.pid) if process.poll() is None else []
    process.send_signal(by)
    process.send_signal(signal.SIGCONT)
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        pass
    finally:  # also when a second Ctrl-C ends the wait
        process.kill()
        process.wait()
        _see_off(family)


def _leash() -> list[str]:
    """The kernel kills the child of a killed parent; through setpriv, as Python between fork and exec may deadlock."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _see_off(family: list[Member]) -> None:
    deadline = time.monotonic() + _ORPHANS_S
    while family := [member for member in family if is_alive(member)]:
        if time.monotonic() > deadline:
            for member in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)
            deadline += _ORPHANS_S
        time.sleep(0.01)
