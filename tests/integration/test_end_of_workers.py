"""Workers that are told to end while the relay takes its time over what it has."""

import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from email import message_from_bytes
from pathlib import Path
from typing import Any

from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.servers.script import Action, Conversation, Delay, Script, Stage
from tests.servers.smtp import SmtpServer

#: How long the workers may take to end, in seconds.
END_S = 15.0

SLOW = [f"slow{number}@example.com" for number in range(4)]
USUAL = [f"usual{number}@example.com" for number in range(4)]


def environ_of(broker_url: str, smtp_server: SmtpServer) -> dict[str, str]:
    return {
        "BROKER_URL": broker_url,
        "SMTP_URL": smtp_server.url,
        "OPEN_TOTAL": "off",
        "OPEN_PER_CLIENT": "off",
        "LEASE": "3s",
    }


def taking_its_time(slow_s: float, usual_s: float) -> Script:
    """The relay has each mail at once, and says so after a while."""

    def script(stage: Stage, argument: str, _talk: Conversation) -> Action | None:
        if stage != "END":
            return None
        return Delay(slow_s if argument in SLOW else usual_s)

    return script


def query(system: System, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(system.folder / "var" / "messaging.db")) as connection:
        return connection.execute(sql).fetchall()


def until_all_are_handed_over(smtp_server: SmtpServer) -> None:
    handed_over = len(SLOW + USUAL)
    until(lambda: sum("DATA" in talk.commands() for talk in smtp_server.conversations) == handed_over)


def until_all_are_sent(system: System) -> None:
    until(lambda: query(system, "SELECT DISTINCT state FROM mails") == [("sent",)], within_s=30)


def times_taken(smtp_server: SmtpServer) -> Counter[str]:
    """How often the relay has each mail, whether or not anybody heard it say so; always the same one."""
    ids = {(mail.recipients[0], message_from_bytes(mail.content)["Message-ID"]) for mail in smtp_server.mails}
    times = Counter(mail.recipients[0] for mail in smtp_server.mails)
    assert len(ids) == len(times)
    return times


def test_what_the_relay_has_not_answered_when_the_grace_is_over_goes_back_and_all_else_is_sent(
    tmp_path: Path, broker_url: str, smtp_server: SmtpServer
) -> None:
    smtp_server.follow(taking_its_time(slow_s=30, usual_s=4))
    with System(tmp_path, environ_of(broker_url, smtp_server)) as system:
        system.send_all(SLOW + USUAL)
        until_all_are_handed_over(smtp_server)
        began = time.monotonic()
        assert system.workers.stop() == 0
        assert time.monotonic() - began < END_S
        assert query(system, "SELECT state, attempts, count(*) FROM mails GROUP BY 1, 2") == [
            ("queued", 0, len(SLOW)),
            ("sent", 1, len(USUAL)),
        ]
        smtp_server.follow({})
        system.start_workers()
        until_all_are_sent(system)
    # It cannot be known that the relay has them.
    assert times_taken(smtp_server) == Counter({**dict.fromkeys(SLOW, 2), **dict.fromkeys(USUAL, 1)})


def test_told_twice_they_end_at_once_and_lose_nothing(tmp_path: Path, broker_url: str, smtp_server: SmtpServer) -> None:
    smtp_server.follow(taking_its_time(slow_s=30, usual_s=30))
    with System(tmp_path, environ_of(broker_url, smtp_server)) as system:
        system.send_all(SLOW + USUAL)
        until_all_are_handed_over(smtp_server)
        system.workers.signal(signal.SIGTERM)
        # A signal that comes before the one before it was taken is the same signal.
        for number in range(system.processes):
            system.workers.wait_for_line(rf"WorkerProcess\({number}\).*Stopping worker process")
        began = time.monotonic()
        system.workers.signal(signal.SIGTERM)
        system.workers.wait()
        assert time.monotonic() - began < 4
        assert not system.workers.survivors()
        smtp_server.follow({})
        system.start_workers()
        until_all_are_sent(system)
    assert times_taken(smtp_server) == Counter(dict.fromkeys(SLOW + USUAL, 2))
