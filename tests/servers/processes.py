"""Programs under test: started with an environment of their own, watched from outside, ended for certain."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from stack import child
from stack.family import Member, descendants, is_alive, member_of
from tests.fixtures.waiting import PATIENCE_S, until
from tests.servers.ports import listens

#: What a program needs of the tests' own environment; all else it is given.
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")

#: Marks a program and everything that it starts, wherever that moves.
_MARK: Final = "STARTED_BY_TEST"


class Program:
    """One program, in a `with` statement or from `start` to `stop`; nothing of it is left then.

    Args:
        command: the program and its arguments.
        output: the file that gets what it prints, on standard output and standard error alike.
        environ: its environment, besides the little that every program needs.
        cwd: where it runs.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        output: Path,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._command = command
        self._output = output
        self._cwd = cwd
        self._mark = uuid.uuid4().hex
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environ = {**kept, **(environ or {}), _MARK: self._mark, "PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[bytes] | None = None
        self._family: set[Member] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        _keep(self._output)
        self._process = child.start(self._command, output=self._output, environ=self._environ, cwd=self._cwd)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    @property
    def text(self) -> str:
        """What it has printed so far."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def wait_for_line(self, pattern: str, within_s: float = PATIENCE_S) -> str:
        """Return the first line in which the regular expression is found, as soon as there is one."""
        self._wait_for(lambda: self._line(pattern), f"a line with {pattern}", within_s)
        return self._line(pattern) or ""

    def wait_for_port(self, address: str, within_s: float = PATIENCE_S) -> None:
        self._wait_for(lambda: listens(address), f"a listener at {address}", within_s)

    def wait_for_http(self, url: str, status: int = 200, within_s: float = PATIENCE_S) -> None:
        self._wait_for(lambda: _status_of(url) == status, f"{status} from {url}", within_s)

    def wait(self, within_s: float = PATIENCE_S) -> int:
        """Return its exit code, as soon as it has ended by itself."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {within_s} s\n{self.text}") from None

    def family(self) -> list[Member]:
        """What it has started that is below it now; `survivors` knows them from here on."""
        found = descendants(self.process.pid)
        self._family.update(found)
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself, not to what it has started."""
        self.family()
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it and everything that it has started by SIGKILL, as if the machine's power had gone."""
        self.family()
        self.process.kill()
        for member in self.survivors():
            with contextlib.suppress(ProcessLookupError):  # it may go by itself, with its parent
                os.kill(member.pid, signal.SIGKILL)
        self.process.wait()
        until(lambda: not self.survivors())

    def stop(self, within_s: float = PATIENCE_S) -> int:
        """End it by SIGTERM if it still runs, and return its exit code; what is left of it is killed."""
        if self._process is None:
            return 0
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.wait(within_s)
        finally:
            self.kill()

    def survivors(self) -> list[Member]:
        """What it has started that still runs: what was seen below it at a signal, and what carries its mark."""
        return [
            member
            for member in {*self._family, *_marked(f"{_MARK}={self._mark}")}
            if member.pid != self.process.pid and is_alive(member)
        ]

    def _line(self, pattern: str) -> str | None:
        return next((line for line in self.text.splitlines() if re.search(pattern, line)), None)

    def _wait_for(self, condition: Callable[[], object], what: str, within_s: float) -> None:
        def come_or_gone() -> bool:
            return bool(condition()) or self.process.poll() is not None

        try:
            until(come_or_gone, within_s)
        except AssertionError:
            raise AssertionError(f"no {what} within {within_s} s\n{self.text}") from None
        assert condition(), f"it ended ({self.process.returncode}) before there was {what}\n{self.text}"


def _keep(output: Path) -> None:
    """Put aside what was printed by who ran here before: the end of the run looks through all of it."""
    if output.exists():
        number = sum(1 for _ in output.parent.glob(f"{output.name}.before-*"))
        output.rename(f"{output}.before-{number}")


def _marked(mark: str) -> list[Member]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            carries = mark.encode() in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if carries and (member := member_of(int(entry.name))):
            found.append(member)
    return found


def _status_of(url: str) -> int | None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
