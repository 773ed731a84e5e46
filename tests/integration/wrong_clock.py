"""Runs a module as if the machine's clock were wrong: `-m tests.integration.wrong_clock SECONDS MODULE ARGUMENTS`."""

import runpy
import sys
import time


def _set_off(seconds: int) -> None:
    right_s, right_ns = time.time, time.time_ns
    time.time = lambda: right_s() + seconds
    time.time_ns = lambda: right_ns() + seconds * 1_000_000_000


if __name__ == "__main__":
    _set_off(int(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
