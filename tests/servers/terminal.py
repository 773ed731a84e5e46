"""A terminal with a program in it, as a person has one: what it shows, and keys that are pressed."""

import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fixtures.waiting import until
from tests.servers.availability import require


class Terminal:
    """A screen of tmux's, in a `with` statement; the program has ended when that has.

    Args:
        command: the program and its arguments.
        environ: its environment.
        cwd: where it runs.
        columns: how wide the screen is.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], cwd: Path, columns: int = 120) -> None:
        require("tmux")
        self._folder = tempfile.TemporaryDirectory()  # a socket's path is short
        self._command = f"{shlex.join(command)}; code=$?; echo; echo code $code.; exec sleep 600"
        self._environ = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **environ}
        self._cwd = cwd
        self._columns = columns

    def __enter__(self) -> Self:
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(self._columns), "-y", "50", self._command)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._tmux("kill-server")
        self._folder.cleanup()

    def shows(self, *, colors: bool = False) -> str:
        """What is on the screen."""
        return self._tmux("capture-pane", "-p", "-J", *(["-e"] if colors else []))

    def wait_for(self, text: str) -> str:
        """What is on the screen as soon as that is among it."""
        until(lambda: text in self.shows())
        return self.shows()

    def press(self, key: str) -> None:
        self._tmux("send-keys", key)

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-u", "-S", f"{self._folder.name}/socket", *arguments],
            cwd=self._cwd,
            env=self._environ,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        ).stdout
