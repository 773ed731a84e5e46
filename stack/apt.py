"""Installs Debian packages without asking anything, and without the services that they would start."""

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from stack.errors import MissingError

#: How long to wait for another installation on this machine to end.
_LOCK_S: Final = 600

#: Debian asks this program before a package starts a service; 101 means no.
_POLICY: Final = "usr/sbin/policy-rc.d"
_LOCK: Final = "run/messaging-packages.lock"
_UNIT_FOLDERS: Final = ("lib/systemd/system", "usr/lib/systemd/system")


def as_root(packages: Sequence[str]) -> list[str]:
    """What has to stand before a command that installs packages: nothing for root, sudo for who may use it.

    Raises:
        MissingError: they cannot be installed here; the text says what a person has to do.
    """
    wanted = " ".join(packages)
    if not shutil.which("apt-get"):
        raise MissingError(f"missing, and there is no apt-get here to install it: what Debian calls {wanted}")
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
        return ["sudo", "-n"]
    raise MissingError(f"missing, and only root may install it: apt-get install --no-install-recommends {wanted}")


def install(
    packages: Sequence[str], *, units: Sequence[str] = (), answers: Sequence[str] = (), root: Path = Path("/")
) -> None:
    """Install packages.

    Args:
        packages: their names.
        units: systemd's names of what they would start; what is on this machine already is left as it is.
        answers: lines for debconf-set-selections.
        root: where the system's files are, for tests.

    Raises:
        MissingError: it failed; the text ends with apt's reason.
    """
    with (root / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once: apt itself waits for the one lock of its two only
        new = [unit for unit in units if not _is_known(unit, root)]
        with _kept_from_starting(new, root):
            if answers:
                _run(["debconf-set-selections"], said="\n".join(answers) + "\n")
            # An old list may do, and somebody else may be fetching it: what it lacks, the next command tells.
            _run(["apt-get", "update", "-q"], may_fail=True)
            # Nothing is removed: postfix, for its smtp-sink, would push out the machine's own mail server.
            options = ["-q", "--yes", "--no-install-recommends", "--no-remove", "-o", f"DPkg::Lock::Timeout={_LOCK_S}"]
            _run(["apt-get", "install", *options, "--", *packages])
        for unit in new:
            _disable(unit, root)


def _is_known(unit: str, root: Path) -> bool:
    service = root / "etc/init.d" / unit.removesuffix(".service")
    return service.exists() or any((root / folder / unit).exists() for folder in _UNIT_FOLDERS)


@contextlib.contextmanager
def _kept_from_starting(units: Sequence[str], root: Path) -> Iterator[None]:
    """Say no to these units for as long as this process lives; a policy that the machine has of its own stays."""
    policy = root / _POLICY
    if policy.exists() or not units:
        yield
        return
    names = "|".join(sorted({*units, *(unit.removesuffix(".service") for unit in units)}))
    policy.write_text(
        "#!/bin/sh\n"
        f"[ -d /proc/{os.getpid()} ] || exit 0\n"
        f'for word; do case "$word" in {names}) exit 101 ;; esac; done\n'
        "exit 0\n"
    )
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def _disable(unit: str, root: Path) -> None:
    """Keep it from starting with the machine: systemd's way, and the older one."""
    service = unit.removesuffix(".service")
    if (root / "etc/init.d" / service).exists():
        _run(["update-rc.d", service, "disable"], may_fail=True)
    if shutil.which("systemctl"):
        now = ["--now"] if (root / "run/systemd/system").exists() else []
        _run(["systemctl", "--quiet", "disable", *now, unit], may_fail=True)


def _run(command: Sequence[str], *, said: str = "", may_fail: bool = False) -> None:
    done = subprocess.run(
        command,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
        input=said,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode and not may_fail:
        reasons = [line for line in done.stdout.splitlines() if line.startswith("E:")] or done.stdout.splitlines()
        raise MissingError(f"{' '.join(command)} failed: {' '.join(reasons[-2:])}")
