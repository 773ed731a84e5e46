"""What the processes log: lines of one form, in which one mail can be followed from the request to the relay."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.waiting import until
from tests.integration.system import System, ask
from tests.servers.smtp import SmtpServer

_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO|WARNING|ERROR|CRITICAL) +[\w.()]+: ")


def environ_of(broker_url: str, smtp_server: SmtpServer, **others: str) -> dict[str, str]:
    return {"BROKER_URL": broker_url, "SMTP_URL": smtp_server.url, **others}


def lines_of(system: System) -> list[str]:
    """What all processes logged."""
    return (system.web.text + system.workers.text).splitlines()


def documents(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def send(system: System) -> tuple[str, str]:
    """Have a mail sent; returns its id and the request's."""
    request_id = uuid.uuid4().hex
    target = f"/?sendmail={request_id}@example.com"
    answer = ask(system.address, "GET", target, headers={"X-Request-ID": request_id})
    location = answer.headers["Location"]
    until(lambda: system.status(location)["final"])
    return location.rpartition("/")[2], request_id


def test_a_mail_is_followed_through_all_processes_by_its_id_in_lines_of_json(
    tmp_path: Path, broker_url: str, smtp_server: SmtpServer
) -> None:
    environ = environ_of(broker_url, smtp_server, LOG_FORMAT="json", LOG_LEVEL="debug")
    with System(tmp_path, environ) as system:
        mail_id, request_id = send(system)
    told = [line for line in documents(lines_of(system)) if line.get("mail_id") == mail_id]
    to = f"{request_id[0]}***@example.com"
    assert [line["message"] for line in told if line["process"] == system.web.process.pid] == [
        f"mail {mail_id} accepted for {to} (request {request_id})",
        f"mail {mail_id} is in the broker's queue",
    ]
    assert [line["message"] for line in told if line["logger"] == "workers.delivery"] == [
        f"mail {mail_id} is claimed",
        f"mail {mail_id} sent to {to} (attempt 1)",
    ]
    assert [line.get("request_id") for line in told if "accepted" in line["message"]] == [request_id]


@pytest.mark.parametrize("embedded", [True, False], ids=["embedded", "over RabbitMQ"])
def test_all_that_healthy_processes_say_is_in_one_form_once_and_no_warning(
    tmp_path: Path, broker_url: str, smtp_server: SmtpServer, *, embedded: bool
) -> None:
    environ = environ_of("memory://" if embedded else broker_url, smtp_server)
    with System(tmp_path, environ) as system:
        sent = [send(system)[0] for _ in range(5)]
        assert ask(system.internal, "GET", "/readyz").status in (200, 503)
    lines = lines_of(system)
    # What a process tells who started it comes before anything is asked of it.
    told = lines.index(next(line for line in lines if f"mail {sent[0]} accepted" in line))
    logged = lines[told:]
    assert [line for line in logged if not _TEXT.match(line)] == []
    assert [line for line in logged if re.match(r"\S+ (WARNING|ERROR|CRITICAL)", line)] == []
    masters = [line for line in logged if "dramatiq.MainProcess: " in line]
    assert len(masters) == (0 if embedded else 2), masters
    # Two processes say the same in the same second.
    assert [line for line in logged if logged.count(line) > 1 and " dramatiq.worker.Worker: " not in line] == []
    for mail_id in sent:
        assert len([line for line in logged if f"mail {mail_id} accepted" in line]) == 1
        assert len([line for line in logged if f"mail {mail_id} sent" in line]) == 1


def test_a_failed_mail_s_line_has_its_id_and_the_relay_s_words(
    tmp_path: Path, broker_url: str, smtp_server: SmtpServer
) -> None:
    smtp_server.follow({"RCPT": "550 5.1.1 No such user"})
    with System(tmp_path, environ_of(broker_url, smtp_server, LOG_FORMAT="json")) as system:
        mail_id, _ = send(system)
    told = [line for line in documents(lines_of(system)) if line.get("mail_id") == mail_id]
    (line,) = [line for line in told if "failed" in line["message"]]
    assert line["level"] == "WARNING"
    assert "5.1.1 No such user" in line["message"]


@pytest.mark.parametrize("setting", [{"LEASE": "soon"}, {"SMTP_URL": "ftp://"}], ids=["LEASE", "SMTP_URL"])
def test_a_setting_that_stops_the_start_is_one_line_of_json_too(tmp_path: Path, setting: dict[str, str]) -> None:
    system = System(tmp_path, {"LOG_FORMAT": "json", **setting})
    with system.web:
        assert system.web.wait() == 2
    (line,) = documents(system.web.text.splitlines())
    assert (line["level"], next(iter(setting)) in line["message"]) == ("CRITICAL", True)
