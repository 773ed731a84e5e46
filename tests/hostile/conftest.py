"""One service with a worker inside, and Nginx in front of it, for all the tests of a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.nginx import Edge, Nginx
from tests.hostile.target import Target
from tests.integration.system import System
from tests.servers.availability import require
from tests.servers.ports import free_address

#: What one row of a table sends counts against nothing that another one sends.
_WITHOUT_LIMITS = {
    "OPEN_PER_RECIPIENT": "off",
    "OPEN_PER_CLIENT": "off",
    "OPEN_TOTAL": "off",
    "REPEAT_WINDOW": "0s",
}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A service without limits for strangers, alone and behind Nginx."""
    yield from _target(tmp_path_factory.mktemp("target"), _WITHOUT_LIMITS)


@pytest.fixture(scope="module")
def limited_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A service as it is without any settings, alone and behind Nginx."""
    yield from _target(tmp_path_factory.mktemp("limited"), {})


def _target(folder: Path, environ: dict[str, str]) -> Iterator[Target]:
    require("nginx")
    with System(folder, environ) as system:
        edge = Edge(free_address(), system.address, 262144, folder / "nginx")
        with Nginx(edge) as nginx:
            yield Target(system, nginx)
