"""A relay that refuses our login is not taken by storm, however many processes want to send."""

import time
from pathlib import Path

from tests.fixtures.waiting import until
from tests.integration.system import System, ask
from tests.servers.smtp import SmtpServer

_PROBE_S = 1.0

#: How long logins are counted while the relay is held, in seconds.
_WATCHED_S = 6.0


def logins_at(server: SmtpServer) -> int:
    return sum("AUTH" in conversation.commands() for conversation in server.conversations)


def test_all_worker_processes_together_log_in_once_for_each_probe(tmp_path: Path, broker_url: str) -> None:
    with SmtpServer({"AUTH": "535 5.7.8 Bad credentials"}, login=("user", "pa55word")) as server:
        environ = {
            "BROKER_URL": broker_url,
            "SMTP_URL": server.url,
            "HOLD_PROBE": f"{_PROBE_S:.0f}s",
            "OPEN_TOTAL": "off",
            "OPEN_PER_CLIENT": "off",
        }
        with System(tmp_path, environ, processes=3) as system:
            answers = system.send_all([f"t{number}@example.com" for number in range(60)])
            until(lambda: b"relay" in ask(system.internal, "GET", "/readyz").body)
            time.sleep(_PROBE_S)  # who had begun before the hold has been answered
            before = logins_at(server)
            # One for each process, since all of them find out at the same time, and a probe or two.
            assert 1 <= before <= 3 + 2
            time.sleep(_WATCHED_S)
            assert 3 <= logins_at(server) - before <= _WATCHED_S / _PROBE_S + 1
            server.follow({})
            until(lambda: {system.status(answer.headers["Location"])["state"] for answer in answers} == {"sent"})
    assert len(server.accepted) == 60
