"""A run of tests that wrote down what must not be is red, whichever of its processes did, though every test passes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: A test that passes, and what it does.
PASSING = "import logging\n\ndef test_it(tmp_path):\n    {}\n"

WRITES = "(tmp_path / 'web.out').write_text('accepted for ' + {address!r})"
LOGS = "logging.getLogger('messaging').warning('accepted for %s', {address!r})"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of what is written below it the outer run sees that it is an inner one's."""
    folder = tmp_path / "a-run-of-tests"
    folder.mkdir()
    return folder


def run(folder: Path, line: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own, as `make test` does."""
    (folder / "test_it.py").write_text(PASSING.format(line))
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "-p", "tests.leaks.plugin", *options, "."]
    basetemp = f"--basetemp={folder / 'written'}"
    environ = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run([*command, basetemp], cwd=folder, env=environ, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_a_run_that_wrote_an_address_down_is_red_and_says_where(folder: Path, options: tuple[str, ...]) -> None:
    done = run(folder, WRITES.format(address="m" + "e@example.com"), *options)
    assert "1 passed" in done.stdout
    assert done.returncode == 1
    assert "web.out: an address: …accepted for me@example.com…" in done.stdout


def test_a_run_that_wrote_none_is_green(folder: Path) -> None:
    done = run(folder, WRITES.format(address="m***@example.com"))
    assert (done.returncode, "must not be" in done.stdout) == (0, False)


def test_what_code_under_test_logs_is_looked_through_as_it_would_be_written(folder: Path) -> None:
    done = run(folder, LOGS.format(address="m" + "e@example.com"))
    assert done.returncode == 0
    (log,) = (folder / "written").glob("log-of-*")
    assert "accepted for m***@example.com" in log.read_text()
