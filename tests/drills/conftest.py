"""Sizes and results of the drills."""

from pathlib import Path

import pytest

from tests.drills.report import Result, lines, write
from tests.drills.rig import Size
from tests.servers.fixtures import rabbitmq, rabbitmq_node

__all__ = ["rabbitmq", "rabbitmq_node"]

_RESULTS = pytest.StashKey[list[Result]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=1, help="how many seeds each drill runs with")
    parser.addoption("--load", default="40x3", help="mails a second x seconds of each drill's load")
    parser.addoption("--outage", type=float, default=6.0, help="for how many seconds a server goes away")
    parser.addoption("--report", type=Path, help="the document that gets the results")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(1, metafunc.config.getoption("--seeds") + 1))


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> Size:
    """How much of everything."""
    return _size(request.config)


@pytest.fixture
def results(request: pytest.FixtureRequest) -> list[Result]:
    """What is reported at the end of the run."""
    return request.config.stash.setdefault(_RESULTS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    results = config.stash.get(_RESULTS, [])
    if not results:
        return
    terminalreporter.section("drills")
    for line in lines(results):
        terminalreporter.write_line(line)
    if report := config.getoption("--report"):
        write(report, results, _size(config))


def _size(config: pytest.Config) -> Size:
    per_s, _, load_s = config.getoption("--load").partition("x")
    return Size(float(per_s), float(load_s), config.getoption("--outage"))
