"""A mail that kills its worker, or the thread that it is in: it fails, its neighbours are delivered."""

import mailbox
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.servers.processes import Program


def test_a_mail_that_kills_its_worker_fails_and_its_neighbours_are_sent(tmp_path: Path, broker_url: str) -> None:
    environ = {
        "BROKER_URL": broker_url,
        "LEASE": "1s",
        "POISON_LIMIT": "4",
        "OPEN_TOTAL": "off",
        "OPEN_PER_CLIENT": "off",
    }
    neighbours = [f"n{number:02}@example.com" for number in range(40)]
    system = System(tmp_path, environ)
    command = [sys.executable, "-m", "dramatiq", "tests.integration.poisoned_workers", "-p", "1", "-t", "8"]
    workers = Program(command, tmp_path / "workers.out", system.environ, tmp_path)
    over = threading.Event()

    def supervise() -> None:
        while not over.is_set():
            if workers.process.poll() is not None:
                workers.start()
            time.sleep(0.05)

    system.start_web()
    try:
        answers = system.send_all(neighbours[:20])
        poison = system.sendmail("poison@example.com").headers["Location"]
        answers += system.send_all(neighbours[20:])
        with workers:
            supervisor = threading.Thread(target=supervise)
            supervisor.start()
            try:
                until(lambda: system.status(poison)["final"], within_s=90)
                until(
                    lambda: all(system.status(answer.headers["Location"])["final"] for answer in answers), within_s=60
                )
            finally:
                over.set()
                supervisor.join()
        seen = system.status(poison, system.key())
        states = {system.status(answer.headers["Location"])["state"] for answer in answers}
    finally:
        system.__exit__(None, None, None)
    assert seen["state"] == "failed"
    assert "4 workers died" in seen["attempts"][-1]["reply"]
    assert states == {"sent"}
    delivered = sorted(str(mail["To"]) for mail in mailbox.Maildir(tmp_path / "var" / "mailbox", create=False))
    assert set(delivered) == set(neighbours)


def test_mails_that_kill_their_threads_fail_and_use_up_nothing(tmp_path: Path, broker_url: str) -> None:
    environ = {
        "BROKER_URL": broker_url,
        "LEASE": "1s",
        "POISON_LIMIT": "3",
        "OPEN_TOTAL": "off",
        "OPEN_PER_CLIENT": "off",
    }
    # Of one process with 2 threads RabbitMQ lets 4 messages be unacknowledged: these would be 8.
    poison = [f"poison{number}@example.com" for number in range(2)]
    once = [f"once{number}@example.com" for number in range(2)]
    neighbours = [f"n{number:02}@example.com" for number in range(20)]
    system = System(tmp_path, environ, processes=1, threads=2, workers="tests.integration.dying_threads")
    with system:
        answers = system.send_all([*neighbours[:10], *poison, *once, *neighbours[10:]])
        paths = {answer.headers["Location"] for answer in answers}
        until(lambda: all(system.status(path)["final"] for path in paths), within_s=40)
        # Those that come later do so at once.
        later = system.sendmail("later@example.com").headers["Location"]
        until(lambda: system.status(later)["state"] == "sent", within_s=5)
        states = Counter(system.status(path)["state"] for path in paths)
        deaths = system.workers.text.count("a worker thread died; another takes its place")
    assert states == {"failed": len(poison), "sent": len(once + neighbours)}
    assert deaths == 3 * len(poison) + len(once)
    delivered = Counter(str(mail["To"]) for mail in mailbox.Maildir(tmp_path / "var" / "mailbox", create=False))
    assert delivered == Counter([*once, *neighbours, "later@example.com"])
