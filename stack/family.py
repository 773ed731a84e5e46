"""Finds the processes that a process has started, and theirs, by Linux's /proc."""

from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Member(NamedTuple):
    """A process, told apart from a later one that got the same id."""

    pid: int
    #: In clock ticks since the machine's start.
    started: int


def member_of(pid: int) -> Member | None:
    """The process that has this id now."""
    status = _status(pid)
    return Member(pid, status.started) if status else None


def descendants(pid: int) -> list[Member]:
    """All the processes below `pid`; none where there is no /proc."""
    children: dict[int, list[Member]] = {}
    for entry in _PROC.glob("[0-9]*"):
        if status := _status(int(entry.name)):
            children.setdefault(status.parent, []).append(Member(int(entry.name), status.started))
    found: list[Member] = []
    parents = [pid]
    while parents:
        below = children.get(parents.pop(), [])
        found += below
        parents += [member.pid for member in below]
    return found


def is_alive(member: Member) -> bool:
    """Whether it still runs; one that has ended and waits to be collected does not."""
    status = _status(member.pid)
    return status is not None and status.started == member.started and status.state not in "ZX"


class _Status(NamedTuple):
    state: str
    parent: int
    started: int


def _status(pid: int) -> _Status | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # proc(5): "pid (comm) state ppid …", starttime is field 22; comm may hold anything, parentheses too.
    values = text.rpartition(")")[2].split()
    return _Status(values[0], int(values[1]), int(values[19]))
