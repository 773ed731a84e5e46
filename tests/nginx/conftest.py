"""An Nginx and a web process behind it, for each test anew."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.errors import MissingError
from stack.nginx import find_nginx
from tests.nginx.edge import NOBODY, Edge
from tests.nginx.upstream import Upstream


@pytest.fixture(scope="session")
def nginx() -> str:
    """The binary: where it is missing, a skip for a person and an error in CI."""
    try:
        return find_nginx()
    except MissingError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that an unprivileged Nginx may write to; pytest's own are closed to other users, and get its logs."""
    with tempfile.TemporaryDirectory(prefix="edge-") as name:
        if os.geteuid() == 0:
            os.chown(name, NOBODY, NOBODY)
        yield Path(name)
        for log in ("out", "err"):
            if Path(name, log).exists():
                shutil.copy(Path(name, log), tmp_path / log)


@pytest.fixture
def web() -> Iterator[Upstream]:
    upstream = Upstream()
    upstream.start()
    yield upstream
    upstream.stop()


@pytest.fixture
def idle_edge(nginx: str, folder: Path, web: Upstream) -> Iterator[Edge]:
    """An Nginx that the test starts itself."""
    edge = Edge(nginx, folder, web.address)
    yield edge
    web.release()
    edge.stop()


@pytest.fixture
def edge(idle_edge: Edge) -> Edge:
    idle_edge.start()
    return idle_edge
