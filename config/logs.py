"""How a process logs: one handler on standard error, as text for people or JSON for machines."""

import logging
import sys
import time
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

from config.log_writer import LogWriter
from config.values import is_one_line

#: Libraries that tell every step of their own at `info` or warn of what we handle ourselves.
_QUIET = {
    "pika": logging.CRITICAL,
    "waitress": logging.WARNING,
    "waitress.queue": logging.ERROR,
}


def configure_logging(log_format: str, level: str, stream: TextIO | None = None) -> None:
    """Send everything that this process logs to `stream`.

    Args:
        log_format: `text` or `json`.
        level: the least severe level that is logged.
        stream: standard error if not given, looked up now and not at import: the `dramatiq` command replaces it.
    """
    handler = LogWriter(stream or sys.stderr)
    handler.setFormatter(_json_formatter() if log_format == "json" else _text_formatter())
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
        former.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


class _OneLineFormatter(logging.Formatter):
    """Keeps what a library quotes from a client from beginning a line of its own; tracebacks have theirs, below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        line = super().formatMessage(record)
        return line if is_one_line(line) else line.encode("unicode_escape").decode("ascii")


def _text_formatter() -> logging.Formatter:
    formatter = _OneLineFormatter("{asctime} {levelname:<7} {name}: {message}", "%Y-%m-%dT%H:%M:%SZ", style="{")
    formatter.converter = time.gmtime
    return formatter


def _json_formatter() -> logging.Formatter:
    return JsonFormatter(
        "{levelname}{name}{process}{message}",
        style="{",
        timestamp=True,
        rename_fields={"levelname": "level", "name": "logger"},
    )
