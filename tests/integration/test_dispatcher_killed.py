"""A dispatcher that is killed is missed: a worker takes its place, and what is due goes on."""

import os
import signal
import sys
from pathlib import Path

from tests.fixtures.storage import connected
from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.servers.processes import Program
from tests.servers.smtp import SmtpServer


def test_a_worker_takes_the_place_of_a_dispatcher_that_was_killed(tmp_path: Path, broker_url: str) -> None:
    with SmtpServer({"RCPT": "451 4.7.1 Greylisted"}) as server:
        environ = {"BROKER_URL": broker_url, "SMTP_URL": server.url, "LEASE": "4s", "RETRY_SCHEDULE": "3s,1h"}
        system = System(tmp_path, environ)
        command = [sys.executable, "-m", "dramatiq", "tests.integration.impatient_workers", "-p", "2", "-t", "2"]
        workers = Program(command, tmp_path / "workers.out", system.environ, tmp_path)

        def dispatchers() -> set[int]:
            with connected(tmp_path / "var" / "messaging.db") as database:
                rows = database.execute("SELECT pid FROM workers WHERE role = 'dispatcher'").fetchall()
            return {pid for (pid,) in rows}

        system.start_web()
        try:
            with workers:
                until(dispatchers)
                (forked,) = dispatchers()
                mail = system.sendmail("me@example.com").headers["Location"]
                until(lambda: system.status(mail)["state"] == "retrying")
                os.kill(forked, signal.SIGKILL)
                server.follow({})
                until(lambda: dispatchers() - {forked}, within_s=40)
                until(lambda: system.status(mail)["state"] == "sent")
                assert workers.stop() == 0
        finally:
            system.__exit__(None, None, None)
    assert "this worker is one from now on" in (tmp_path / "workers.out").read_text()
