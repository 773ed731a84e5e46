"""What nobody caught is in the log, as one line of it where that is for machines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]

_PROGRAM = """
import threading, warnings
from config.logs import configure_logging
from config.uncaught import log_uncaught

class Sticky:
    def __del__(self):
        raise ValueError("unraisable")

configure_logging("json", "info")
log_uncaught()
{}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "level", "words", "code"),
    [
        ("raise ValueError('boom')", "CRITICAL", "ValueError: boom", 1),
        (
            "each = threading.Thread(target=int, args=('boom',), name='it'); each.start(); each.join()",
            "CRITICAL",
            "'boom'",
            0,
        ),
        ("each = Sticky(); del each", "ERROR", "ValueError: unraisable", 0),
        ("warnings.warn('careful')", "WARNING", "careful", 0),
    ],
    ids=["process", "thread", "finalizer", "warning"],
)
def test_what_nobody_caught_is_one_line_of_the_log(deed: str, level: str, words: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(deed)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    document = json.loads(line)
    assert (done.returncode, document["level"]) == (code, level)
    assert words in document.get("exc_info", "") + document["message"]
