"""Several web processes on one database count together, and a restart changes nothing."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fixtures.storage import connected
from tests.integration.system import Answer, System, ask

_CLIENTS = 50


@pytest.fixture
def systems(tmp_path: Path) -> Iterator[list[System]]:
    """Two web processes, each with a worker inside, on one database."""
    environ = {"DATABASE_URL": f"sqlite:///{tmp_path}/messaging.db", "OPEN_PER_CLIENT": "off"}
    folders = [tmp_path / name for name in ("first", "second")]
    with ExitStack() as stack:
        systems = []
        for folder in folders:
            folder.mkdir()
            systems.append(stack.enter_context(System(folder, environ)))
        yield systems


def ask_all(systems: list[System], method: str, target: str, **options: object) -> list[Answer]:
    """Ask the processes in turns, all clients at the same moment."""
    released = threading.Barrier(_CLIENTS)

    def one(number: int) -> Answer:
        released.wait()
        return ask(systems[number % 2].address, method, target, **options)  # type: ignore[arg-type]

    with ThreadPoolExecutor(_CLIENTS) as clients:
        return list(clients.map(one, range(_CLIENTS)))


def stored(tmp_path: Path) -> int:
    with connected(tmp_path / "messaging.db") as connection:
        count: int = connection.execute("SELECT count(*) FROM mails").fetchone()[0]
    return count


def test_identical_gets_are_one_mail(systems: list[System], tmp_path: Path) -> None:
    answers = ask_all(systems, "GET", "/?sendmail=me@example.com")
    assert Counter(answer.status for answer in answers) == {202: _CLIENTS}
    assert len({answer.headers["Location"] for answer in answers}) == stored(tmp_path) == 1
    assert sum(b"accepted before" in answer.body for answer in answers) == _CLIENTS - 1


def test_a_limit_is_held_across_processes_and_restarts(systems: list[System], tmp_path: Path) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answers = ask_all(systems, "POST", "/", body=b"sendmail=me@example.com", headers=form)
    assert Counter(answer.status for answer in answers) == {202: 3, 429: _CLIENTS - 3}
    waits = [int(answer.headers["Retry-After"]) for answer in answers if answer.status == 429]
    assert all(3600 - 60 < wait <= 3600 for wait in waits)
    for system in systems:
        system.web.stop()
        system.start_web()
        assert ask(system.address, "POST", "/", body=b"sendmail=me@example.com", headers=form).status == 429
    assert stored(tmp_path) == 3


def test_posts_with_one_idempotency_key_are_one_mail(systems: list[System], tmp_path: Path) -> None:
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {systems[0].key()}",
        "Idempotency-Key": "order-1",
    }
    body = b'{"to": "me@example.com", "subject": "Hi", "text": "There"}'
    answers = ask_all(systems, "POST", "/v1/emails", body=body, headers=headers)
    assert Counter(answer.status for answer in answers) == {202: _CLIENTS}
    assert len({answer.document["id"] for answer in answers}) == stored(tmp_path) == 1
    assert Counter(answer.headers["Idempotency-Replayed"] for answer in answers) == {"true": _CLIENTS - 1, None: 1}


def test_a_key_that_the_command_line_revokes_is_refused_everywhere_within_a_second(systems: list[System]) -> None:
    headers = {"Authorization": f"Bearer {systems[0].key()}"}
    for system in systems:
        assert ask(system.address, "GET", "/?sendmail=me@example.com&subject=Hi", headers=headers).status == 202
    environ = {**os.environ, **systems[0].environ}
    command = [sys.executable, "-m", "messaging", "key", "revoke", "test"]
    subprocess.run(command, env=environ, cwd=systems[0].folder, check=True, capture_output=True, timeout=60)
    time.sleep(1)
    for system in systems:
        assert ask(system.address, "GET", "/?sendmail=me@example.com&subject=Hi", headers=headers).status == 401
