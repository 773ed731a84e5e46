"""Postfix's smtp-sink: takes mails as fast as they come, and counts them."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from benchmarks.errors import MeasureError
from stack import child
from tests.servers.ports import free_address, until_listening

_COUNT: Final = re.compile(rb"mesg=(\d+)")
#: More than the last line of what it says.
_TAIL: Final = 200
_LOOK_EVERY_S: Final = 0.01


class Sink:
    """A running smtp-sink, in a `with` statement.

    Args:
        folder: where it writes its count.
    """

    def __init__(self, folder: Path) -> None:
        self._output = folder / "sink.out"
        self.address = free_address()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec/postfix")
        if not program:
            raise MeasureError("smtp-sink is not on this machine")
        become = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._process = child.start([program, *become, "-c", "-m", "512", self.address, "1000"], output=self._output)
        until_listening(self.address)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None:
            child.end(self._process)
            self._process = None

    def count(self) -> int:
        """How many mails it has taken."""
        with self._output.open("rb") as output:
            output.seek(max(0, output.seek(0, os.SEEK_END) - _TAIL))
            counts = _COUNT.findall(output.read())
        return int(counts[-1]) if counts else 0

    def wait_for(self, count: int, within_s: float) -> float:
        """Return the time (`time.monotonic`) at which so many mails were there.

        Raises:
            MeasureError: if they did not come.
        """
        give_up_at = time.monotonic() + within_s
        while (found := self.count()) < count:
            if time.monotonic() > give_up_at:
                raise MeasureError(f"the sink has {found} of {count} mails after {within_s:.0f} s")
            time.sleep(_LOOK_EVERY_S)
        return time.monotonic()
