"""Processes that are told to end while nothing can be written to the database."""

import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.fixtures.storage import locked
from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.servers.processes import Program
from tests.servers.script import Delay
from tests.servers.smtp import SmtpServer

#: How long a process may take to end, in seconds.
END_S = 15.0

#: The same where no mail is in hand.
IDLE_END_S = 6.0

#: As many as the threads of one process.
RECIPIENTS = [f"r{number}@example.com" for number in range(8)]


@pytest.fixture(params=["workers", "embedded"])
def system(request: pytest.FixtureRequest, tmp_path: Path, smtp_server: SmtpServer) -> System:
    environ = {
        "SMTP_URL": smtp_server.url,
        "OPEN_TOTAL": "off",
        "OPEN_PER_CLIENT": "off",
        "LEASE": "2s",
        "BROKER_URL": "memory://" if request.param == "embedded" else request.getfixturevalue("broker_url"),
    }
    return System(tmp_path, environ, processes=1)


def worker_of(system: System) -> Program:
    return system.web if system.environ["BROKER_URL"] == "memory://" else system.workers


def database_of(system: System) -> Path:
    return system.folder / "var" / "messaging.db"


def end_s(program: Program) -> float:
    """End a program that ends by itself; returns how long that took, in seconds."""
    program.signal(signal.SIGTERM)
    began = time.monotonic()
    assert program.wait(40) == 0
    return time.monotonic() - began


def test_who_has_mails_in_hand_ends_in_time_and_says_which_may_come_twice(
    system: System, smtp_server: SmtpServer
) -> None:
    smtp_server.follow({"END": Delay(0.5)})
    with system:
        answers = system.send_all(RECIPIENTS)
        until(lambda: sum("DATA" in talk.commands() for talk in smtp_server.conversations) == len(RECIPIENTS))
        worker = worker_of(system)
        with locked(database_of(system)):
            smtp_server.wait_for(len(RECIPIENTS))
            assert end_s(worker) < END_S
        told = [line for line in worker.text.splitlines() if "is not written down, it may come twice" in line]
        ids = {answer.headers["Location"].rpartition("/")[2] for answer in answers}
        assert len(told) == len(ids)
        assert all(any(mail_id in line for line in told) for mail_id in ids)
        smtp_server.follow({})
        system.start_web() if worker is system.web else system.start_workers()
        until(lambda: all(system.status(answer.headers["Location"])["state"] == "sent" for answer in answers))
    assert Counter(mail.recipients[0] for mail in smtp_server.accepted) == Counter(dict.fromkeys(RECIPIENTS, 2))


def test_who_has_no_mail_in_hand_ends_soon(system: System) -> None:
    with system, locked(database_of(system)):
        assert end_s(worker_of(system)) < IDLE_END_S
