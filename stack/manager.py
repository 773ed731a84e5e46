"""Runs the parts of the stack side by side: Honcho's manager, with an order at the end and nothing left behind it."""

import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

import honcho.manager
import honcho.process
from honcho.printer import Printer

from stack.family import Member, descendants, is_alive

#: How long the web process and the workers may drain, once the first part is gone; then they are killed, and a mail
#: that is under way may come twice. A worker's own end (workers/lifecycle.py) takes up to this where all it needs is
#: stuck.
DRAIN_S: Final = 13.5
#: How long Nginx may finish what it has begun before the web process behind it is told to stop.
EDGE_S: Final = 1.0

_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True)
class Part:
    """One process of the stack."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)
    #: What tells it to end: Nginx, for one, drops what it has begun at a SIGTERM.
    end_by: signal.Signals = signal.SIGTERM
    #: Whether it is to be gone before the parts after it are told.
    others_wait: bool = False


class Manager(honcho.manager.Manager):  # type: ignore[misc]
    """Honcho's manager for a few parts.

    Honcho gives a signal to all processes of all parts at the same time. That is wrong twice here: requests that Nginx
    has begun need the web process, and Dramatiq's master hands a SIGTERM on to its workers, which take a second one
    for an order to drop everything. So `terminate` is our own: in order, and to each part's first process alone.

    Args:
        parts: in the order in which they are told to end.
        on_started: called when all of them were started.
    """

    def __init__(self, parts: Sequence[Part], on_started: Callable[[], None]) -> None:
        super().__init__(Printer(sys.stderr))
        honcho.manager.KILL_WAIT = DRAIN_S  # its own 5 s would cut mails that are under way
        self._process_ctor = _Process
        self._parts = parts
        self._terminating = False
        self._on_started = on_started
        self._family: list[Member] = []
        self._ending_since = time.monotonic()
        self._asked = False
        self._failed = False
        for part in parts:
            self.add_process(part.name, f"exec {shlex.join([*_leash(), *part.command])}", env=dict(part.environ))

    @property
    def ended_well(self) -> bool:
        """Whether somebody asked for the end, and every part could end in order."""
        return self._asked and not self._failed

    @property
    def ending_s(self) -> float:
        """How long ago the end began, in seconds."""
        return time.monotonic() - self._ending_since

    def abort(self) -> None:
        """End everything, from any thread, as something that the parts need has gone."""
        self._failed = True
        signal.raise_signal(signal.SIGTERM)  # Python runs its handler in the main thread

    def loop(self) -> None:
        """Run all parts until one ends, or somebody asks for the end; then end them all."""
        super().loop()
        for member in self._family:
            _kill(member)

    def terminate(self) -> None:
        if self._terminating:
            return
        self._terminating = True
        self._ending_since = time.monotonic()
        for part in self._parts:
            watcher = self._watchers()[part.name]
            self._family += descendants(watcher)
            if (first := _first_child(watcher)) is None:  # it never came up
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(first.pid, part.end_by)
            deadline = time.monotonic() + EDGE_S
            while part.others_wait and is_alive(first) and time.monotonic() < deadline:
                time.sleep(0.01)

    def kill(self) -> None:
        """End everything that the parts have started, now; Honcho calls this, too, when draining has taken too long."""
        self._failed = True
        for watcher in self._watchers().values():
            for member in descendants(watcher):
                _kill(member)

    def _start(self) -> None:
        super()._start()
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        self._on_started()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:  # twice: there is no time to end in order
            self.kill()
        self._asked = True
        self.terminate()

    def _watchers(self) -> dict[str, int]:
        """The ids of the processes between us and the parts: Honcho's, which hand on what the parts print."""
        return {name: entry["process"].pid for name, entry in self._processes.items()}


class _Process(honcho.process.Process):  # type: ignore[misc]
    """One of Honcho's processes; it ends with us, and the part that it watches with it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._child_ctor = _Popen

    def run(self, *arguments: Any) -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        super().run(*arguments)


class _Popen(honcho.process.Popen):  # type: ignore[misc]
    """A part's first process. What it leaves behind is killed: Honcho takes a part to run while anybody can print."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        threading.Thread(target=self._clear_up, daemon=True).start()

    def _clear_up(self) -> None:
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
            os.killpg(self.pid, signal.SIGKILL)


def _leash() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _first_child(watcher: int) -> Member | None:
    """The process that a part was started as; its watcher may not have got that far."""
    deadline = time.monotonic() + EDGE_S
    while not (found := descendants(watcher)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found[0] if found else None


def _kill(member: Member) -> None:
    if is_alive(member):
        with contextlib.suppress(ProcessLookupError):
            os.kill(member.pid, signal.SIGKILL)
