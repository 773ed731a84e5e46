"""How a process logs: one handler on standard error, as text for people or JSON for machines."""

import logging
import sys
import time
from typing import Any, Final, TextIO

from pythonjsonlogger.json import JsonFormatter

from config.log_ids import ids_of
from config.log_writer import LogWriter
from config.masking import masked
from config.values import as_one_line

_LOG: Final = logging.getLogger(__name__)

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
    _use(LogWriter(stream or sys.stderr), log_format, level)


def configure_logging_of_a_master(log_format: str, level: str) -> None:
    """Do the same in a process that forks others: without a thread, which those would not have.

    Args:
        log_format: `text` or `json`.
        level: the least severe level that is logged.
    """
    _use(logging.StreamHandler(), log_format, level)


def _use(handler: logging.Handler, log_format: str, level: str) -> None:
    handler.setFormatter(formatter_of(log_format))
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
        former.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


def formatter_of(log_format: str) -> logging.Formatter:
    """What makes lines of records: none has an address, a key or a password in it, whoever logged it."""
    return _JsonFormatter() if log_format == "json" else _TextFormatter()


class _TextFormatter(logging.Formatter):
    """A record is one line; what follows it of an exception is indented, so that nothing in it looks like another."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:<7} {name}: {message}", "%Y-%m-%dT%H:%M:%SZ", style="{")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return as_one_line(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        text = masked(super().format(record))
        return text if "\n" not in text else "\n  ".join(map(as_one_line, text.split("\n")))


def say(words: str, level: int = logging.INFO) -> None:
    """Tell whoever started this process; where it logs for machines, as a line of that log."""
    if any(isinstance(handler.formatter, _JsonFormatter) for handler in logging.getLogger().handlers):
        _LOG.log(level, "%s", words)
    else:
        print(words, file=sys.stderr, flush=True)


class _JsonFormatter(JsonFormatter):
    """One object a line, with the ids of what it is about in fields of their own."""

    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{process}{message}",
            style="{",
            timestamp=True,
            rename_fields={"levelname": "level", "name": "logger"},
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: masked(value) if isinstance(value, str) else value for name, value in log_data.items()}

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data.update(ids_of(record))
