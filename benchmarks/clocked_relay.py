"""Runs our own relay: late with each answer where that is asked for, and the same clock for all."""

import sys
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.errors import MeasureError
from tests.fixtures.waiting import until
from tests.servers.ports import free_address
from tests.servers.processes import Program

_ROOT = Path(__file__).parents[1]


class ClockedRelay:
    """A relay in a process of its own, in a `with` statement; see `benchmarks.relay`.

    Args:
        folder: where it writes what came.
        delay_ms: how late each answer is.
    """

    def __init__(self, folder: Path, delay_ms: int) -> None:
        self.address = free_address()
        self._log = folder / "arrivals"
        command = [sys.executable, "-m", "benchmarks.relay", self.address, str(self._log), "--delay-ms", str(delay_ms)]
        self._program = Program(command, folder / "relay.out", {"PYTHONPATH": str(_ROOT)})

    def __enter__(self) -> Self:
        self._program.start()
        self._program.wait_for_port(self.address)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._program.kill()

    def arrivals(self) -> dict[str, int]:
        """When each mail was there, by its recipient, in nanoseconds of `time.monotonic_ns`."""
        lines = self._log.read_text().splitlines()
        return {recipient: int(at) for recipient, at in (line.split() for line in lines)}

    def wait_for(self, recipients: Collection[str], within_s: float) -> None:
        """Return as soon as all of their mails are there.

        Raises:
            MeasureError: if they did not come.
        """
        try:
            until(lambda: self.arrivals().keys() >= set(recipients), within_s)
        except AssertionError:
            lacking = set(recipients) - self.arrivals().keys()
            raise MeasureError(f"{len(lacking)} of {len(recipients)} mails did not reach the relay") from None
