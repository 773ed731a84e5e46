"""Each process of the service keeps to one processor."""

import os
from pathlib import Path

import pytest

from messaging.outbox.heartbeats import Role
from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.servers.smtp import SmtpServer

pytestmark = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor only")


def test_web_and_workers_keep_to_one_each(tmp_path: Path, broker_url: str, smtp_server: SmtpServer) -> None:
    with System(tmp_path, {"BROKER_URL": broker_url, "SMTP_URL": smtp_server.url}) as system:
        until(lambda: len(system.pids(Role.WORKER)) == 2)
        bound = {pid: os.sched_getaffinity(pid) for pid in [system.web.process.pid, *system.pids(Role.WORKER)]}
    assert [len(processors) for processors in bound.values()] == [1, 1, 1]
