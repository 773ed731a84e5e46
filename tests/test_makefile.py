"""What `make` does before there is anything of ours that could."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]

#: Debian's Python without python3-venv: it makes the environment's python, then finds that it has no pip to put there.
WITHOUT_VENV = f"""#!/bin/sh
{sys.executable} -m venv --without-pip "$3"
exit 1
"""


def make_install(folder: Path, python: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["make", f"--file={ROOT}/Makefile", f"PYTHON={python}", "install"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that is gone at the end: what pip brings along has addresses in it, and nobody is to look for ours there."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_an_environment_that_could_not_be_made_is_made_when_it_can_be(folder: Path) -> None:
    (folder / "requirements.txt").touch()
    python = folder / "python3"
    python.write_text(WITHOUT_VENV)
    python.chmod(0o755)
    for _ in range(2):
        failed = make_install(folder, python)
        assert failed.returncode != 0
        assert "apt install python3-venv" in failed.stderr
    done = make_install(folder, sys.executable)
    assert (done.returncode, (folder / ".venv" / ".installed").exists()) == (0, True), done.stderr
