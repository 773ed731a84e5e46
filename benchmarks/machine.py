"""Says what a run was made on: the machine and the versions of all that took part."""

import os
import platform
import re
import sqlite3
import subprocess
from pathlib import Path
from typing import Final

from stack.nginx import find_nginx

_ROOT: Final = Path(__file__).parents[1]
_PINS: Final = {
    "requirements.txt": ("dramatiq", "pika", "waitress", "sqlalchemy"),
    "requirements-bench.txt": ("celery", "kombu", "flask", "gunicorn"),
}


def describe(rabbitmq: str) -> list[str]:
    """Lines about the machine, the software, and how busy the machine was.

    Args:
        rabbitmq: the broker's version.
    """
    versions = {
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "RabbitMQ": rabbitmq,
        "Nginx": _version([find_nginx(), "-v"]),
        "wrk": _version(["wrk", "-v"]),
        "Postfix": _version(["postconf", "-d", "mail_version"]),
    }
    for file, packages in _PINS.items():
        pinned = dict(re.findall(r"^([\w-]+)==([\w.]+)", (_ROOT / file).read_text(), re.MULTILINE))
        versions.update({package: pinned[package] for package in packages})
    load = os.getloadavg()[0]
    return [
        f"{_processor()}, {os.cpu_count()} processors, Linux {platform.release()}; load before the run {load:.1f}.",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
    return found[0] if found else "?"
