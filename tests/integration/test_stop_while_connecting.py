"""A process that has to end while it still tries to connect to a relay that never answers."""

import contextlib
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fixtures.waiting import until
from tests.integration.system import System


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose connections are neither taken nor refused: its queue is full."""
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        with contextlib.suppress(TimeoutError):
            for _ in range(64):
                waiting = held.enter_context(socket.socket())
                waiting.settimeout(0.3)
                waiting.connect(("127.0.0.1", port))
        yield port


def row(system: System) -> tuple[str, int]:
    with contextlib.closing(sqlite3.connect(system.folder / "var" / "messaging.db")) as connection:
        state, attempts = connection.execute("SELECT state, attempts FROM mails").fetchone()
    return str(state), int(attempts)


def test_its_mail_goes_back_to_the_queue_within_the_time_that_a_stop_may_take(tmp_path: Path) -> None:
    with black_hole() as port, System(tmp_path, {"SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none"}) as system:
        system.sendmail("me@example.com")
        until(lambda: row(system) == ("sending", 1))
        began = time.monotonic()
        assert system.web.stop() == 0
        assert time.monotonic() - began < 15
        assert row(system) == ("queued", 0)
