"""Fails a run of pytest whose programs, or whose own code under test, wrote something down that must not be."""

import logging
from pathlib import Path
from typing import Final

import pytest

from config.logs import formatter_of
from tests.leaks.scan import Leak, leaks

_LEAKS: Final = pytest.StashKey[list[Leak]]()
_LOG: Final = pytest.StashKey[logging.Handler]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Log what code under test logs in this process as it would be logged: to a file that is looked through, too."""
    handler = logging.FileHandler(_written_in(session.config) / "log-of-this-process", delay=True)
    handler.setFormatter(formatter_of("text"))
    session.config.stash[_LOG] = handler


def pytest_runtest_setup(item: pytest.Item) -> None:
    # A test that configures logging may have taken it away.
    logging.getLogger().addHandler(item.config.stash[_LOG])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    # With xdist this is called in each worker, too; all that these write lies below the first process's folder.
    if hasattr(session.config, "workerinput"):
        return
    found = session.config.stash[_LEAKS] = list(leaks(_written_in(session.config)))
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if found := config.stash.get(_LEAKS, []):
        terminalreporter.section("written down, and must not be", red=True)
        for leak in found:
            terminalreporter.write_line(str(leak))


def _written_in(config: pytest.Config) -> Path:
    factory: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]
    return factory.getbasetemp()
