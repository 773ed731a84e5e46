"""Sizes and results of the drills."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drills.report import Result, lines, write
from tests.drills.rig import Size
from tests.servers.fixtures import rabbitmq, rabbitmq_node

__all__ = ["rabbitmq", "rabbitmq_node"]

#: What a test's report has the result under; by it results come from other processes, too.
_RESULT = "drill"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=1, help="how many seeds each drill runs with")
    parser.addoption("--load", default="20x3", help="mails a second x seconds of each drill's load")
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
def report(record_property: Callable[[str, object], None]) -> Callable[[Result], None]:
    """Has a result reported at the end of the run."""
    return lambda result: record_property(_RESULT, result.as_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reports = itertools.chain(terminalreporter.getreports("passed"), terminalreporter.getreports("failed"))
    results = Result.in_order(value for report in reports for name, value in report.user_properties if name == _RESULT)
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
