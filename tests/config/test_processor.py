"""A process keeps to one processor, within what it was given, with all of its threads."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]

_PROGRAM = """
import os, threading
from config.processor import keep_to_one_processor
os.sched_setaffinity(0, {given})
keep_to_one_processor()
seen = []
thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
thread.start()
thread.join()
print(len(os.sched_getaffinity(0)), os.sched_getaffinity(0) <= {given}, seen == [os.sched_getaffinity(0)])
"""


def _run(given: set[int]) -> str:
    program = _PROGRAM.format(given=given)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=_ROOT, capture_output=True, text=True, timeout=30, check=True
    ).stdout


def test_it_runs_on_one_of_those_that_it_was_given() -> None:
    assert _run(os.sched_getaffinity(0)) == "1 True True\n"


def test_the_bounds_that_somebody_set_are_kept() -> None:
    assert _run({max(os.sched_getaffinity(0))}) == "1 True True\n"
