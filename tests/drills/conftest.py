"""Sizes and results of the drills."""

import pytest

from tests.servers.fixtures import rabbitmq, rabbitmq_node

__all__ = ["rabbitmq", "rabbitmq_node"]

_RESULTS = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=1, help="how many seeds each drill runs with")
    parser.addoption("--load", default="40x4", help="mails a second, times seconds, of each drill's load")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(1, metafunc.config.getoption("--seeds") + 1))


@pytest.fixture
def results(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run."""
    return request.config.stash.setdefault(_RESULTS, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash.get(_RESULTS, [])
    if lines:
        terminalreporter.section("drills")
        for line in lines:
            terminalreporter.write_line(line)
