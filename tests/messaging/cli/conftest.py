"""Runs commands, on both ways to the service: its database, and its API over HTTP."""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config.values import Endpoint
from messaging.cli.main import main
from messaging.outbox.clock import clock_ms
from messaging.server import Server
from tests.fixtures.service import Service
from tests.fixtures.threads import wait_for_end_of
from tests.fixtures.waiting import until


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


def run_here(capsys: pytest.CaptureFixture[str], arguments: Sequence[str], stdin: bytes = b"") -> Done:
    """Run a command in this process, which has no terminal then."""
    code: Any = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            main(list(arguments))
        except SystemExit as end:
            code = end.code
    return Done(code, *capsys.readouterr())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda *arguments, stdin=b"": run_here(capsys, arguments, stdin)


@pytest.fixture
def listening(service: Service) -> Iterator[str]:
    """The URL at which `service` is served."""
    server = Server(service.application, Endpoint("127.0.0.1", 0), 4, service.settings.max_body_bytes)
    server.start()
    yield f"http://{server.endpoint}"
    server.stop()
    server.join()
    # A thread of its own notes that the key was used: the database must not be closed under it.
    wait_for_end_of("key-use")


@pytest.fixture(params=["database", "http"])
def seam(
    request: pytest.FixtureRequest,
    service: Service,
    listening: str,
    key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Commands work on `service`, by the one way and by the other; its name."""
    # It and the commands mean the same by the time.
    service.clock.now = clock_ms()
    service.heartbeats.beat(service.clock(), 0)
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.chdir(folder)
    if request.param == "http":
        monkeypatch.setenv("MESSAGING_URL", listening)
        monkeypatch.setenv("MESSAGING_KEY", key)
    else:
        monkeypatch.setenv("DATABASE_URL", service.settings.database_url.reveal())
        monkeypatch.setenv("MAIL_FROM", service.settings.mail_from)
        monkeypatch.setenv("GREETING_SUBJECT", service.settings.greeting_subject)
    return str(request.param)


def only_mail(service: Service) -> Any:
    """The one that was accepted, as soon as it is."""
    until(lambda: service.mails)
    (mail,) = service.mails
    return mail
