"""A process that is tied to its parent ends with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stack.family import Member, is_alive, member_of
from tests.fixtures.waiting import until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl(2) is Linux's")

_CHILD = "from workers.parent import die_with_parent; die_with_parent(); print(os.getpid(), flush=True); time.sleep(60)"
_LOOSE = "print(os.getpid(), flush=True); time.sleep(60)"
_PARENT = """
import subprocess, sys, time
subprocess.run([sys.executable, "-c", "import os, time; {child}"])
"""


def _family(child: str) -> tuple[subprocess.Popen[str], Member]:
    """A parent, and its child, which is ready."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT.format(child=child)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        member = member_of(int(parent.stdout.readline()))
    assert member is not None
    return parent, member


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_its_parent_by_whatever_death(death: signal.Signals) -> None:
    parent, child = _family(_CHILD)
    assert is_alive(child)
    parent.send_signal(death)
    parent.wait(10)
    until(lambda: not is_alive(child), within_s=5)


def test_one_that_is_not_tied_would_live_on() -> None:
    parent, child = _family(_LOOSE)
    parent.kill()
    parent.wait(10)
    assert is_alive(child)
    os.kill(child.pid, signal.SIGKILL)


_ORPHAN = """
import os
from workers.parent import die_with_parent

looks = iter([1])
real = os.getppid
os.getppid = lambda: next(looks, real())  # it dies between the first look and the tie
die_with_parent()
"""


def test_one_whose_parent_died_just_before_ends_too() -> None:
    done = subprocess.run([sys.executable, "-c", _ORPHAN], cwd=Path(__file__).parents[2], check=False, timeout=30)
    assert done.returncode == -signal.SIGKILL


_LATE = """
import multiprocessing, os, time

def child(pipe):
    pipe.send(os.getpid())
    while os.getppid() == multiprocessing.parent_process().pid:
        time.sleep(0.01)
    from workers.parent import die_with_parent
    die_with_parent()
    time.sleep(60)

if __name__ == "__main__":
    ours, theirs = multiprocessing.Pipe()
    multiprocessing.Process(target=child, args=(theirs,)).start()
    print(ours.recv(), flush=True)
    os._exit(0)
"""


@pytest.mark.slow
def test_one_whose_parent_died_before_it_could_ask_ends_too() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LATE], cwd=Path(__file__).parents[2], check=True, timeout=30, stdout=subprocess.PIPE
    )
    child = member_of(int(done.stdout))
    if child is not None:
        until(lambda: not is_alive(child), within_s=5)
