"""What `make stack` runs, for real: all parts come up, carry a mail, and are gone when it ends."""

import contextlib
import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.waiting import until
from tests.servers.availability import require
from tests.servers.ports import free_address, listens
from tests.servers.processes import Program
from tests.servers.script import Silence
from tests.servers.smtp import SmtpServer

ROOT = Path(__file__).parents[2]
#: A start takes 5 s here; much longer where tests of others run beside it.
START_S = 60
STOP_S = 15


@dataclass
class Stack:
    """The stack's program, and where its parts are to listen."""

    program: Program
    edge: str
    web: str
    internal: str
    folder: Path
    environ: dict[str, str]

    def get(self, target: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.edge, timeout=10)
        try:
            connection.request("GET", target, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def pid_of(self, part: str) -> int:
        """The id of the first process that has `part` in its command line."""
        return next(pid for pid, command in self._commands().items() if part in command)

    def commands(self) -> list[str]:
        return list(self._commands().values())

    def _commands(self) -> dict[int, str]:
        lines = {member.pid: Path(f"/proc/{member.pid}/cmdline") for member in self.program.family()}
        return {pid: line.read_text().replace("\0", " ") for pid, line in lines.items() if line.exists()}

    def end(self, by: signal.Signals, within_s: float = STOP_S) -> int:
        """Ask for the end, and return the exit code; everything has to be gone by then."""
        self.program.signal(by)
        code = self.program.wait(within_s)
        self.assert_gone()
        return code

    def assert_gone(self) -> None:
        assert self.program.survivors() == []
        assert not any(map(listens, (self.edge, self.web, self.internal)))


@contextmanager
def stack(folder: Path, **settings: str) -> Iterator[Stack]:
    require("rabbitmq", "nginx")
    edge, web, internal = free_address(), free_address(), free_address()
    environ = {
        "PYTHONPATH": str(ROOT),
        "EDGE_LISTEN": edge,
        "LISTEN": web,
        "INTERNAL_LISTEN": internal,
        "TALKTOME_LOG": str(folder / "talktome.log"),
        **settings,
    }
    with Program([sys.executable, "-m", "stack"], folder / "output", environ, cwd=folder) as program:
        yield Stack(program, edge, web, internal, folder, environ)


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Stack]:
    with stack(folder, **settings) as begun:
        begun.program.wait_for_line("^Ctrl-C stops all of it", START_S)
        yield begun


def doctor_beside(up: Stack, exported: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "messaging", "doctor", "--url", f"http://{up.edge}"],
        cwd=up.folder,
        env={"PATH": os.environ["PATH"], **up.environ, **exported},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_request_reaches_the_relay_and_ctrl_c_ends_everything(tmp_path: Path, smtp_server: SmtpServer) -> None:
    with running(tmp_path, SMTP_URL=smtp_server.url, OPEN_SENDMAIL="true") as up:
        status, body = up.get("/?sendmail=me@example.com")
        [mail] = smtp_server.wait_for(1)
        assert (status, mail.recipients) == (202, ("me@example.com",))
        until(lambda: '"sent"' in up.get(f"/v1/emails/{json.loads(body)['id']}")[1])
        assert up.get("/?talktome")[0] == 200
        assert (tmp_path / "talktome.log").read_text().count("\n") == 1

        text = up.program.text
        assert f"Messaging is up at http://{up.edge}, through Nginx" in text
        assert f"mail goes to 127.0.0.1:{smtp_server.port}" in text
        [page] = re.findall(r"management page is http://(127\.0\.0\.1:\d+)", text)
        assert listens(page)
        line = next(line for line in text.splitlines() if "export " in line)
        doctor = doctor_beside(up, dict(word.split("=") for word in shlex.split(line.partition("export ")[2])))
        assert (doctor.returncode, "✓ broker: RabbitMQ at 127.0.0.1:" in doctor.stdout) == (0, True), doctor.stdout
        assert '"GET /healthz HTTP/1.1" 502' not in text, "Nginx is asked when there is an answer to be had"

        assert up.end(signal.SIGINT) == 0
        assert not listens(page)
    assert len(smtp_server.mails) == 1


def test_a_mail_that_was_under_way_at_a_crash_of_everything_is_delivered(
    tmp_path: Path, smtp_server: SmtpServer
) -> None:
    smtp_server.follow({"GREETING": "421 4.3.2 away"})
    with running(tmp_path, SMTP_URL=smtp_server.url, HOLD_PROBE="1s", LEASE="2s") as first:
        assert first.get("/?sendmail=me@example.com")[0] == 202
        first.program.kill()
    smtp_server.follow({})
    with running(tmp_path, SMTP_URL=smtp_server.url, HOLD_PROBE="1s", LEASE="2s") as second:
        [mail] = smtp_server.wait_for(1, within_s=60)
        assert mail.recipients == ("me@example.com",)
        second.program.kill()


def test_everything_ends_with_its_own_rabbitmq(tmp_path: Path) -> None:
    with running(tmp_path) as up:
        os.kill(up.pid_of("beam.smp"), signal.SIGKILL)
        assert up.program.wait(STOP_S) == 1
        assert "stack: RabbitMQ ended by itself" in up.program.text
        up.assert_gone()


@pytest.mark.parametrize("part", ["messaging serve", "-m workers", "nginx: master"])
def test_everything_ends_with_a_part_that_dies(tmp_path: Path, broker_url: str, part: str) -> None:
    with running(tmp_path, BROKER_URL=broker_url) as up:
        os.kill(up.pid_of(part), signal.SIGKILL)
        assert up.program.wait(STOP_S) == 1
        assert "stack: something ended by itself" in up.program.text
        up.assert_gone()


def test_a_broker_that_the_settings_name_is_used(tmp_path: Path, broker_url: str, smtp_server: SmtpServer) -> None:
    with running(tmp_path, BROKER_URL=broker_url, SMTP_URL=smtp_server.url) as up:
        assert up.get("/?sendmail=me@example.com")[0] == 202
        smtp_server.wait_for(1)
        assert not any("beam" in command for command in up.commands())
        assert "guest" not in up.program.text
        assert up.end(signal.SIGTERM) == 0
    assert not (tmp_path / "var" / "rabbitmq").exists()


def test_requests_that_have_begun_are_answered(tmp_path: Path, broker_url: str) -> None:
    answers: list[int] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            # A connection that is refused, or reset while nobody has taken it up, was never a request.
            with contextlib.suppress(ConnectionError, http.client.RemoteDisconnected):
                answers.append(up.get("/?talktome")[0])

    with running(tmp_path, BROKER_URL=broker_url) as up:
        clients = [threading.Thread(target=ask) for _ in range(8)]
        for client in clients:
            client.start()
        until(lambda: len(answers) > 200)
        try:
            assert up.end(signal.SIGTERM) == 0
        finally:
            ended.set()
            for client in clients:
                client.join()
    assert set(answers) == {200}
    assert len(answers) == (tmp_path / "talktome.log").read_text().count("\n")


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path, broker_url: str, smtp_server: SmtpServer) -> None:
    smtp_server.follow({"END": Silence()})
    with running(tmp_path, BROKER_URL=broker_url, SMTP_URL=smtp_server.url) as up:
        assert up.get("/?sendmail=me@example.com")[0] == 202
        until(lambda: smtp_server.mails)
        up.program.signal(signal.SIGINT)
        up.program.wait_for_line("web +stopped")
        assert up.end(signal.SIGINT, within_s=3) == 1


def test_an_end_of_its_own_by_sigkill_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as up:
        up.program.family()
        up.program.process.kill()
        up.program.wait()
        until(lambda: not up.program.survivors())
        up.assert_gone()


def test_ctrl_c_ends_it_before_it_is_up(tmp_path: Path) -> None:
    with stack(tmp_path) as begun:
        begun.program.wait_for_line("RabbitMQ is starting")
        assert begun.end(signal.SIGINT) == 0


@pytest.mark.parametrize("name", ["EDGE_LISTEN", "LISTEN", "INTERNAL_LISTEN"])
def test_a_taken_address_is_one_line(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with stack(tmp_path, **{name: address}) as begun:
            assert begun.program.wait() == 1
            assert begun.program.text == (
                f"stack: {address} cannot be listened on (Address already in use); {name} names another address\n"
            )


@pytest.mark.parametrize(
    ("name", "value"), [("EDGE_LISTEN", "everywhere"), ("MAX_BODY_BYTES", "a lot"), ("EDGE_RATE", "0")]
)
def test_a_bad_setting_is_one_line(tmp_path: Path, name: str, value: str) -> None:
    with stack(tmp_path, **{name: value}) as begun:
        assert begun.program.wait() == 2
        [line] = begun.program.text.splitlines()
        assert line.startswith(f'stack: {name}: "{value}" cannot be used; allowed: ')
