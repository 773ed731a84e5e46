"""Installs what this machine lacks of the servers that the stack and tests run: `python -m stack.packages NAME…`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack import apt
from stack.errors import MissingError

#: Where servers lie on systems whose ordinary PATH leaves them out.
_SERVER_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/opt/homebrew/sbin", "/opt/rabbitmq/sbin")


@dataclass(frozen=True)
class Requirement:
    """One thing that somebody may need: how to see that it is there, and how a Debian gets it."""

    programs: tuple[str, ...]
    packages: tuple[str, ...]
    #: What these packages, and those that come with them, would start and enable by themselves.
    units: tuple[str, ...] = ()
    #: Answers to what the packages would ask: lines for debconf-set-selections.
    answers: tuple[str, ...] = ()


REQUIREMENTS: Final = {
    "rabbitmq": Requirement(
        programs=("rabbitmq-server",),
        packages=("rabbitmq-server",),
        units=("rabbitmq-server.service", "epmd.service", "epmd.socket"),
    ),
    "nginx": Requirement(programs=("nginx",), packages=("nginx",), units=("nginx.service",)),
    "smtp-sink": Requirement(
        programs=("smtp-sink",),
        packages=("postfix",),
        units=("postfix.service",),
        answers=("postfix postfix/main_mailer_type select No configuration",),
    ),
    "wrk": Requirement(programs=("wrk",), packages=("wrk",)),
    "promtool": Requirement(
        programs=("promtool",),
        packages=("prometheus",),
        units=("prometheus.service", "prometheus-node-exporter.service"),
    ),
    "tmux": Requirement(programs=("tmux",), packages=("tmux",)),
    "systemd-analyze": Requirement(programs=("systemd-analyze",), packages=("systemd",)),
    "chromium": Requirement(
        programs=("chromium-headless-shell",), packages=("chromium-headless-shell", "fonts-dejavu-core")
    ),
    "image": Requirement(
        programs=("buildah", "debootstrap"),
        packages=("buildah", "debootstrap"),
    ),
}


def missing(names: Sequence[str], path: str | None = None) -> list[str]:
    """Those of `names` that are not on this machine.

    Args:
        names: keys of `REQUIREMENTS`.
        path: where to look, as in PATH; the environment's and the usual places of servers if not given.
    """
    if path is None:
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SERVER_FOLDERS))
    return [name for name in names if not all(shutil.which(each, path=path) for each in REQUIREMENTS[name].programs)]


def ensure(names: Sequence[str]) -> None:
    """Install what is missing of `names`, and say so; say and do nothing when all is there.

    Raises:
        MissingError: for what is missing and cannot be installed.
    """
    wanted = missing(names)
    if not wanted:
        return
    packages = [package for name in wanted for package in REQUIREMENTS[name].packages]
    if sudo := apt.as_root(packages):
        again = [sys.executable, "-B", "-m", "stack.packages", *wanted]
        if subprocess.run([*sudo, *again], cwd=Path(__file__).parents[1], check=False).returncode:
            raise MissingError(f"not installed: {' '.join(wanted)}")
    else:
        _say(f"installing {' '.join(packages)} from the system's packages")
        apt.install(
            packages,
            units=[unit for name in wanted for unit in REQUIREMENTS[name].units],
            answers=[answer for name in wanted for answer in REQUIREMENTS[name].answers],
        )
    if still := missing(wanted):
        raise MissingError(f"installed, and still not found: {' '.join(still)}")


def main(arguments: Sequence[str]) -> int:
    """Run as a command; the exit code is 0 when everything is there, 1 when not, 2 when used wrongly."""
    unknown = [name for name in arguments if name not in REQUIREMENTS]
    if unknown or not arguments:
        _say(f"usage: python -m stack.packages NAME…, each of: {' '.join(REQUIREMENTS)}")
        return 2
    try:
        ensure(arguments)
    except MissingError as error:
        _say(str(error))
        return 1
    return 0


def _say(text: str) -> None:
    print(f"stack.packages: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
