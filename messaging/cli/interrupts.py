"""Ctrl-C that waits until what has been begun is whole."""

import signal
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """Remembers the first SIGINT of a `with` block; the second one interrupts as ever."""

    def __init__(self) -> None:
        self.came = False
        self._former: Any = None

    def __enter__(self) -> Self:
        self._former = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.signal(signal.SIGINT, self._former)

    def check(self) -> None:
        """Be interrupted here, if that is wanted.

        Raises:
            KeyboardInterrupt: if a signal came.
        """
        if self.came:
            raise KeyboardInterrupt

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
        signal.signal(signal.SIGINT, self._former)
