"""The talktome log: a line that is told of is in the file, whole, whatever happens around it."""

import contextlib
import fcntl
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from messaging import talktome as module
from messaging.errors import UnavailableError
from messaging.talktome import TalktomeLog

LINE = re.compile(r"(\S+) talktome ([\w-]+)\n")

#: Large enough that nothing is rotated.
LARGE = 1024 * 1024

#: Somebody who owns nothing here.
NOBODY = 65534

#: A program that logs 500 requests named after its argument.
WRITER = """
import sys
from pathlib import Path
from messaging.talktome import TalktomeLog
log = TalktomeLog(Path(sys.argv[1]), max_bytes=1_500, backups=100)
print("ready", flush=True)
sys.stdin.readline()
for number in range(500):
    log.write(f"{sys.argv[2]}-{number:05}")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "talktome.log"


@pytest.fixture
def log(path: Path) -> Iterator[TalktomeLog]:
    log = TalktomeLog(path, LARGE, backups=2)
    yield log
    log.close()


def ids_in(*paths: Path) -> list[str]:
    """The requests that the files tell of; fails at anything that is not a whole line."""
    ids = []
    for path in paths:
        for line in path.read_text().splitlines(keepends=True):
            match = LINE.fullmatch(line)
            assert match, line
            ids.append(match[2])
    return ids


def test_each_request_is_one_line(log: TalktomeLog, path: Path) -> None:
    times = [log.write(f"request-{number}") for number in range(3)]
    assert path.read_text() == "".join(f"{time} talktome request-{number}\n" for number, time in enumerate(times))


def test_the_time_is_iso_8601_with_its_offset(log: TalktomeLog) -> None:
    before = datetime.now().astimezone()
    time = log.write("request-1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", time)
    assert timedelta(milliseconds=-1) <= datetime.fromisoformat(time) - before < timedelta(seconds=10)


def test_a_log_of_an_earlier_process_is_added_to(log: TalktomeLog, path: Path) -> None:
    earlier = TalktomeLog(path, LARGE, backups=2)
    earlier.write("request-1")
    earlier.close()
    log.write("request-2")
    assert ids_in(path) == ["request-1", "request-2"]


def test_nobody_else_may_read_the_log(log: TalktomeLog, path: Path) -> None:
    log.write("request-1")
    assert path.stat().st_mode & 0o007 == 0


def test_a_percent_sign_is_a_percent_sign(log: TalktomeLog, path: Path) -> None:
    log.write("100%s%d")
    assert path.read_text().endswith(" talktome 100%s%d\n")


def test_a_log_that_grows_too_large_is_rotated_and_the_oldest_is_dropped(path: Path) -> None:
    log = TalktomeLog(path, max_bytes=1024, backups=2)
    written = [f"request-{number:03}" for number in range(100)]
    for request in written:
        log.write(request)
    log.close()
    files = [path.with_name("talktome.log.2"), path.with_name("talktome.log.1"), path]
    assert sorted(path.parent.iterdir()) == sorted(files)
    assert all(file.stat().st_size <= 1024 for file in files)
    assert all(file.stat().st_size > 900 for file in files[:2])
    kept = ids_in(*files)
    assert kept == written[-len(kept) :]


def test_many_threads_write_whole_lines(path: Path) -> None:
    log = TalktomeLog(path, max_bytes=10_000, backups=50)
    requests = [f"request-{number:05}" for number in range(1000)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(log.write, requests))
    log.close()
    assert sorted(ids_in(*path.parent.iterdir())) == requests


@pytest.mark.slow
def test_four_processes_write_whole_lines_and_rotate_once_each_time(path: Path) -> None:
    pipe = subprocess.PIPE
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, name], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for name in "abcd"
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.communicate()[1] for writer in writers] == [""] * 4
    files = list(path.parent.iterdir())
    assert sorted(ids_in(*files)) == [f"{name}-{number:05}" for name in "abcd" for number in range(500)]
    # Who finds the log rotated by another one does not rotate it again: all but the newest are full.
    assert all(file.stat().st_size > 1_400 for file in files if file != path)


def test_a_device_that_is_full_is_an_error() -> None:
    log = TalktomeLog(Path("/dev/full"), LARGE, backups=2)
    with pytest.raises(UnavailableError, match="could not be logged"):
        log.write("request-1")
    log.close()


def test_a_full_disk_leaves_no_half_line_and_room_ends_the_trouble(small_disk: Path) -> None:
    path = small_disk / "talktome.log"
    log = TalktomeLog(path, LARGE * 10, backups=2)
    log.write("request-1")
    ballast = small_disk / "ballast"
    fill(ballast)
    written = ["request-1"]
    with pytest.raises(UnavailableError):
        write_until_it_fails(log, written)
    assert ids_in(path) == written
    ballast.unlink()
    log.write("request-last")
    assert ids_in(path) == [*written, "request-last"]
    log.close()


def test_a_file_that_may_not_grow_leaves_no_half_line(log: TalktomeLog, path: Path) -> None:
    written: list[str] = []
    with file_size_limit(1000), pytest.raises(UnavailableError):
        write_until_it_fails(log, written)
    assert 10 < len(written) < 30
    assert ids_in(path) == written
    log.write("request-last")
    assert ids_in(path) == [*written, "request-last"]


def test_a_log_that_was_moved_away_is_begun_anew(log: TalktomeLog, path: Path) -> None:
    log.write("request-1")
    path.rename(path.with_suffix(".old"))
    log.write("request-2")
    assert ids_in(path.with_suffix(".old")) == ["request-1"]
    assert ids_in(path) == ["request-2"]


def test_a_log_that_was_moved_away_and_made_anew_is_written_where_it_is_now(log: TalktomeLog, path: Path) -> None:
    log.write("request-1")
    path.rename(path.with_suffix(".old"))
    path.touch()
    log.write("request-2")
    assert ids_in(path) == ["request-2"]


def test_a_log_that_was_deleted_is_begun_anew(log: TalktomeLog, path: Path) -> None:
    log.write("request-1")
    path.unlink()
    log.write("request-2")
    assert ids_in(path) == ["request-2"]


def test_a_log_that_was_copied_and_truncated_goes_on_at_its_beginning(log: TalktomeLog, path: Path) -> None:
    log.write("request-1")
    path.with_suffix(".copy").write_bytes(path.read_bytes())
    os.truncate(path, 0)
    log.write("request-2")
    assert ids_in(path.with_suffix(".copy"), path) == ["request-1", "request-2"]


def test_a_folder_that_was_removed_is_an_error_until_it_is_back(log: TalktomeLog, path: Path) -> None:
    log.write("request-1")
    path.unlink()
    path.parent.rmdir()
    for _ in range(2):
        with pytest.raises(UnavailableError):
            log.write("request-2")
    path.parent.mkdir()
    log.write("request-3")
    assert ids_in(path) == ["request-3"]


def test_a_folder_that_became_a_file_is_an_error_and_holds_nobody_up(log: TalktomeLog, path: Path) -> None:
    other = TalktomeLog(path, LARGE, backups=2)
    other.write("request-1")
    log.write("request-2")
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.touch()
    for writer in (log, other, log):
        with pytest.raises(UnavailableError):
            writer.write("request-3")
    other.close()


def test_a_link_that_was_put_in_the_place_of_the_log_is_not_followed(log: TalktomeLog, path: Path) -> None:
    target = path.with_name("target")
    target.write_text("precious\n")
    log.write("request-1")
    path.unlink()
    path.symlink_to(target)
    for _ in range(2):
        with pytest.raises(UnavailableError):
            log.write("request-2")
    assert target.read_text() == "precious\n"
    path.unlink()
    log.write("request-3")
    assert ids_in(path) == ["request-3"]


def test_a_link_to_nothing_makes_no_file(log: TalktomeLog, path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))
    with pytest.raises(UnavailableError):
        log.write("request-1")
    assert not path.with_name("nothing").exists()


def test_a_pipe_that_nobody_reads_is_an_error_and_no_wait(log: TalktomeLog, path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(UnavailableError):
        log.write("request-1")


def test_a_rotation_that_fails_is_an_error_and_loses_nothing(path: Path) -> None:
    log = TalktomeLog(path, max_bytes=1024, backups=1)
    path.with_name("talktome.log.1").mkdir()
    written: list[str] = []
    with pytest.raises(UnavailableError):
        write_until_it_fails(log, written)
    assert ids_in(path) == written
    path.with_name("talktome.log.1").rmdir()
    log.write("request-last")
    assert ids_in(path.with_name("talktome.log.1"), path) == [*written, "request-last"]
    log.close()


def test_the_check_finds_a_rotation_that_failed_and_that_it_works_again(path: Path) -> None:
    log = TalktomeLog(path, max_bytes=1024, backups=1)
    path.with_name("talktome.log.1").mkdir()
    log.check()
    with pytest.raises(UnavailableError):
        write_until_it_fails(log, [])
    for _ in range(2):
        with pytest.raises(IsADirectoryError):
            log.check()
    path.with_name("talktome.log.1").rmdir()
    log.check()
    assert path.with_name("talktome.log.1").is_file()
    log.write("request-last")
    log.check()
    assert ids_in(path) == ["request-last"]
    log.close()


@pytest.fixture
def folder_of_root() -> Iterator[Path]:
    """A folder that others may pass through, with a log in it that is theirs."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else for a while")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "talktome.log").touch()
        os.chown(folder / "talktome.log", NOBODY, NOBODY)
        yield folder


@pytest.mark.parametrize(("owner", "mode", "finds"), [(0, 0o755, True), (NOBODY, 0o755, False), (0, 0o777, False)])
def test_the_check_finds_a_folder_that_lets_nothing_be_rotated(
    folder_of_root: Path, owner: int, mode: int, finds: bool
) -> None:
    folder_of_root.chmod(mode)
    os.chown(folder_of_root, owner, -1)
    with as_nobody(), contextlib.closing(TalktomeLog(folder_of_root / "talktome.log", 1024, 1)) as log:
        assert found(log) == ("its folder does not let it be rotated" if finds else "")


@pytest.mark.parametrize(("owner", "finds"), [(0, True), (NOBODY, False)])
def test_in_a_sticky_folder_only_who_owns_the_log_can_rotate_it(folder_of_root: Path, owner: int, finds: bool) -> None:
    folder_of_root.chmod(0o1777)
    os.chown(folder_of_root / "talktome.log", owner, -1)
    (folder_of_root / "talktome.log").chmod(0o666)
    with as_nobody(), contextlib.closing(TalktomeLog(folder_of_root / "talktome.log", 1024, 1)) as log:
        assert found(log) == ("its folder does not let it be rotated" if finds else "")
        with pytest.raises(UnavailableError) if finds else contextlib.nullcontext():
            for number in range(50):
                log.write(f"request-{number:05}")


def found(log: TalktomeLog) -> str | None:
    """What the check finds."""
    try:
        log.check()
    except OSError as error:
        return error.strerror
    return ""


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user who may do nothing in particular."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)


@pytest.mark.usefixtures("brief")
def test_a_log_that_another_process_keeps_locked_is_an_error_after_a_while_for_everybody(
    log: TalktomeLog, path: Path
) -> None:
    log.write("request-1")
    began = time.monotonic()
    with path.open("rb") as other, ThreadPoolExecutor(8) as pool:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = [pool.submit(log.write, f"request-{number}") for number in range(8)]
        assert all(isinstance(each.exception(), UnavailableError) for each in waiting)
        assert time.monotonic() - began < 1
        assert "has locked it" in (found(log) or "")
    log.write("request-9")
    assert ids_in(path) == ["request-1", "request-9"]


def test_a_log_that_another_process_locks_for_a_moment_is_waited_for(log: TalktomeLog, path: Path) -> None:
    path.touch()
    with path.open("rb") as other, ThreadPoolExecutor(1) as pool:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = pool.submit(log.write, "request-1")
        with pytest.raises(TimeoutError):
            waiting.result(0.05)
        fcntl.flock(other, fcntl.LOCK_UN)
        waiting.result()
    assert ids_in(path) == ["request-1"]


def test_the_check_finds_what_writing_would_find(log: TalktomeLog, path: Path) -> None:
    log.check()
    assert path.read_text() == ""
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(FileNotFoundError):
        log.check()


def test_what_the_system_said_is_in_our_log_and_not_in_the_answer(
    log: TalktomeLog, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.rmdir()
    with pytest.raises(UnavailableError) as error:
        log.write("request-1")
    assert str(path) not in str(error.value)
    assert caplog.messages == [f"talktome: {path} cannot be written: No such file or directory"]


def write_until_it_fails(log: TalktomeLog, written: list[str]) -> None:
    for number in range(100_000):
        log.write(f"request-{number:05}")
        written.append(f"request-{number:05}")


def fill(ballast: Path) -> None:
    """Leave a disk with no room but what is left in the last page of a file that is there already."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file that this process writes may grow larger; Python ignores the signal that says so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
