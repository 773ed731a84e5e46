"""The web process as it is run: what it says at its start, and that nothing is lost at its end, however it comes."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.errors import SettingError
from config.settings import Settings
from config.values import Endpoint
from messaging import serve as module
from messaging.cli.main import main
from messaging.outbox.states import State
from tests.fixtures.client import JSON
from tests.fixtures.sockets import Connection
from tests.fixtures.storage import connected
from tests.fixtures.waiting import until
from tests.servers.processes import Program
from tests.servers.script import Delay, Silence
from tests.servers.smtp import SmtpServer

ROOT = Path(__file__).parents[2]

SERVE = [sys.executable, "-m", "messaging", "serve"]

#: The line that newcomers type, with what is installed already.
MAKE_RUN = [
    "make", f"--file={ROOT}/Makefile", "--assume-old=install", f"BIN={Path(sys.executable).parent}", "run",
]  # fmt: skip

#: The same client asks again and again, and means it.
WITHOUT_LIMITS = {
    "OPEN_PER_RECIPIENT": "off",
    "OPEN_PER_CLIENT": "off",
    "OPEN_TOTAL": "off",
    "REPEAT_WINDOW": "0s",
}

#: How long an end may take, in seconds.
END_S = 15.0

#: `serve` for an operator who may not write to /var/log, whoever runs the tests.
WITHOUT_VAR_LOG = """
import dataclasses, os, pathlib
from config.settings import Settings
from messaging.serve import serve
serve(dataclasses.replace(Settings.load(os.environ), talktome_log=pathlib.Path("/proc/messaging_system.log")))
"""


class Serving:
    """One web process in a folder of its own.

    Args:
        folder: its working directory.
        environ: its settings.
        command: what is run.
    """

    def __init__(self, folder: Path, environ: dict[str, str], command: list[str]) -> None:
        self.folder = folder
        settings = {
            "LISTEN": "127.0.0.1:0",
            "INTERNAL_LISTEN": "127.0.0.1:0",
            "PYTHONPATH": str(ROOT),
            **WITHOUT_LIMITS,
            **environ,
        }
        self.program = Program(command, folder / "output", settings, folder)
        self.program.start()

    def wait_until_it_listens(self) -> "Serving":
        self.program.wait_for_line('&talktome\'|"message": "Messaging listens')  # for people, or for machines
        return self

    @property
    def lines(self) -> list[str]:
        return self.program.text.splitlines()

    @property
    def endpoint(self) -> Endpoint:
        return self._address(r"listens at http://(\S+):(\d+),")

    @property
    def internal(self) -> Endpoint:
        return self._address(r"health at http://(\S+):(\d+)/readyz")

    def _address(self, pattern: str) -> Endpoint:
        match = re.search(pattern, self.program.text)
        assert match, self.program.text
        return Endpoint(match[1], int(match[2]))

    def get(self, target: str, endpoint: Endpoint | None = None) -> tuple[int, str]:
        with Connection(endpoint or self.endpoint) as connection:
            connection.get(target, "Connection: close")
            answer = connection.answer()
            return answer.status, answer.text

    def send(self) -> str:
        """Have a mail accepted; returns its id."""
        with Connection(self.endpoint) as connection:
            connection.get("/?sendmail=me@example.com", f"Accept: {JSON['Accept']}", "Connection: close")
            answer = connection.answer()
        assert answer.status == 202
        return str(answer.json["id"])

    def states(self) -> dict[str, str]:
        """State of every mail, as another program sees it."""
        with connected(self.folder / "var" / "messaging.db") as connection:
            return dict(connection.execute("SELECT id, state FROM mails").fetchall())

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Tell it to end; returns its exit code and how long it took, in seconds."""
        began = time.monotonic()
        self.program.signal(how)
        return self.program.wait(END_S + 5), time.monotonic() - began


Serve = Callable[..., Serving]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Serve]:
    """Starts web processes with the settings that are given by keyword; kills what is left of them."""
    begun: list[Serving] = []

    def begin(command: list[str] | None = None, **environ: str) -> Serving:
        environ.setdefault("TALKTOME_LOG", "var/talktome.log")
        (tmp_path / "var").mkdir(exist_ok=True)
        begun.append(Serving(tmp_path, {name: value for name, value in environ.items() if value}, command or SERVE))
        return begun[-1]

    yield begin
    for serving in begun:
        serving.program.kill()


def test_a_newcomer_runs_the_lines_that_it_prints(begin: Serve) -> None:
    serving = begin().wait_until_it_listens()
    where, to, broker, log, try_, *curls = serving.lines[:8]
    url = f"http://{serving.endpoint}"
    assert where == f"Messaging listens at {url}, health at http://{serving.internal}/readyz"
    assert to == "  mail goes to the Maildir var/mailbox, from m***@localhost"
    assert broker == "  the broker is memory, inside this process"
    assert log == "  the talktome log is var/talktome.log; all may write to it, it takes 60 MiB at the most"
    assert try_ == "Try:"
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    commands = [shlex.split(curl) for curl in curls]
    assert [command[0] for command in commands] == ["curl"] * 3
    answers = [subprocess.run([*command, "-s"], capture_output=True, text=True, check=True) for command in commands]
    assert [re.sub(r"[0-9a-f]{8}-[0-9a-f-]+|\d{4}-[^ ;\n]+", "…", answer.stdout) for answer in answers] == [
        "accepted for me@example.com, status: /v1/emails/…\n",
        "logged …\n",
        "logged …; accepted for me@example.com, status: /v1/emails/…\n",
    ]
    mail_id = answers[0].stdout.split("/")[-1].strip()
    until(lambda: serving.get(f"/v1/emails/{mail_id}")[1].startswith("sent at "))
    until(lambda: set(serving.states().values()) == {"sent"})
    assert len(list((serving.folder / "var" / "mailbox" / "new").iterdir())) == 2
    assert len((serving.folder / "var" / "talktome.log").read_text().splitlines()) == 2
    assert serving.get("/readyz", serving.internal) == (200, "ready")
    assert serving.get("/livez", serving.internal) == (200, "ok")
    code, took = serving.end(signal.SIGINT)
    assert (code, took < 5) == (0, True)


def test_under_load_sigterm_answers_every_request_that_was_begun(begin: Serve) -> None:
    serving = begin().wait_until_it_listens()
    told = threading.Event()
    accepted: list[str] = []
    failed: list[Exception] = []

    def load(*, keep: bool) -> None:
        connection: Connection | None = None
        while True:
            before = not told.is_set()
            try:
                connection = connection or Connection(serving.endpoint)
                connection.get("/?sendmail=me@example.com&talktome", *([] if keep else ["Connection: close"]))
                answer = connection.answer()
                assert answer.status == 202
                accepted.append(answer.id)
                if not keep or answer.headers["Connection"] == "close":
                    connection.close()
                    connection = None
            except Exception as error:
                if before:
                    failed.append(error)
                if connection:
                    connection.close()
                return

    clients = [threading.Thread(target=load, kwargs={"keep": number % 2 == 0}) for number in range(8)]
    for client in clients:
        client.start()
    until(lambda: len(accepted) > 100)
    told.set()
    code, took = serving.end()
    for client in clients:
        client.join()
    assert failed == []
    assert code == 0
    assert took < END_S
    states = serving.states()
    assert set(accepted) <= states.keys()
    assert set(states.values()) <= {"queued", "sent"}
    assert len((serving.folder / "var" / "talktome.log").read_text().splitlines()) >= len(accepted)


def test_a_mail_whose_conversation_is_under_way_is_finished(begin: Serve) -> None:
    with SmtpServer({"END": Delay(0.5)}) as relay:
        serving = begin(SMTP_URL=relay.url, LOG_FORMAT="json").wait_until_it_listens()
        mail_id = serving.send()
        until(lambda: relay.mails or [c for c in relay.conversations if "DATA" in c.commands()])
        code, took = serving.end()
        assert (code, took < END_S) == (0, True)
        assert len(relay.accepted) == 1
        assert serving.states() == {mail_id: "sent"}
    logged = [json.loads(line) for line in serving.lines if line.startswith("{")]
    assert any(f"mail {mail_id} accepted for m***@example.com" in entry["message"] for entry in logged)
    assert {entry["level"] for entry in logged} == {"INFO"}


def test_a_second_sigterm_ends_it_at_once(begin: Serve) -> None:
    serving = begin().wait_until_it_listens()
    with Connection(serving.endpoint) as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        assert serving.get("/healthz") == (200, "ok")  # answered after the half request was read
        serving.program.signal(signal.SIGTERM)
        serving.program.wait_for_line("stopping")
        code, took = serving.end()
    assert (code, took < 5) == (-signal.SIGTERM, True)


def test_what_was_accepted_before_a_kill_is_delivered_after_the_next_start(begin: Serve) -> None:
    with SmtpServer({"RCPT": Silence()}) as relay:
        serving = begin(SMTP_URL=relay.url, WORKER_THREADS="2", LEASE="500ms").wait_until_it_listens()
        ids = [serving.send() for _ in range(5)]
        until(lambda: [c.commands()[-1:] for c in relay.conversations] == [["RCPT"]] * 2)
        serving.program.kill()
        assert sorted(serving.states().values()) == ["queued"] * 3 + ["sending"] * 2
        relay.follow({})
        serving = begin(SMTP_URL=relay.url, LEASE="500ms").wait_until_it_listens()
        until(lambda: set(serving.states().values()) == {"sent"})
        assert serving.states().keys() == set(ids)
        found = [re.search(rb"Message-ID: <(.*)@localhost>", mail.content) for mail in relay.accepted]
        assert sorted(match[1].decode() for match in found if match) == sorted(ids)
        with Connection(serving.endpoint) as connection:
            connection.get(f"/v1/emails/{ids[0]}", f"Accept: {JSON['Accept']}")
            assert connection.answer().json["state"] == State.SENT


@pytest.mark.parametrize("told", ["make", "its child"])
def test_make_run_finishes_or_gives_back_what_it_has_when_it_is_told_to_end(begin: Serve, told: str) -> None:
    with SmtpServer({"END": Delay(0.5)}) as relay:
        serving = begin(MAKE_RUN, SMTP_URL=relay.url).wait_until_it_listens()
        ids = [serving.send() for _ in range(30)]
        until(lambda: len(relay.accepted) >= 8)
        (child,) = serving.program.family()
        os.kill(child.pid if told == "its child" else serving.program.process.pid, signal.SIGTERM)
        serving.program.wait(END_S)
        assert not serving.program.survivors()
        states = serving.states()
        assert states.keys() == set(ids)
        assert set(states.values()) <= {"queued", "sent"}
        assert Counter(states.values())["sent"] == len(relay.accepted) == len(relay.mails)
        serving = begin(MAKE_RUN, SMTP_URL=relay.url).wait_until_it_listens()
        until(lambda: set(serving.states().values()) == {"sent"})
        assert len(relay.mails) == len(ids)


def links(*servings: Serving) -> list[str]:
    """The links to the page, with the first key in them, that were printed."""
    return [line.strip() for serving in servings for line in serving.lines if "#key=" in line]


def test_make_run_prints_a_link_with_the_first_key_where_it_listens_and_only_once(begin: Serve) -> None:
    serving = begin(MAKE_RUN, LISTEN="0.0.0.0:0").wait_until_it_listens()
    (link,) = links(serving)
    url, _, key = link.partition("#key=")
    assert url == f"http://127.0.0.1:{serving.endpoint.port}/"
    with Connection(Endpoint("127.0.0.1", serving.endpoint.port)) as connection:
        connection.get("/v1/emails", f"Authorization: Bearer {key}", "Connection: close")
        assert connection.answer().status == 200
    serving.program.stop()
    assert links(begin(MAKE_RUN).wait_until_it_listens()) == []


@pytest.mark.parametrize("taken", ["LISTEN", "INTERNAL_LISTEN"])
def test_make_run_makes_no_key_while_it_cannot_listen(begin: Serve, taken: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        serving = begin(MAKE_RUN, **{taken: f"127.0.0.1:{other.getsockname()[1]}"})
        assert serving.program.wait() != 0
    assert links(serving) == []
    assert len(links(begin(MAKE_RUN).wait_until_it_listens())) == 1


def test_while_the_relay_refuses_us_it_says_so_and_sends_everything_when_it_does_no_longer(begin: Serve) -> None:
    with SmtpServer({"MAIL": "530 5.7.0 Authentication required"}) as relay:
        serving = begin(SMTP_URL=relay.url, HOLD_PROBE="300ms").wait_until_it_listens()
        ids = [serving.send() for _ in range(3)]
        until(lambda: "relay" in serving.get("/readyz", serving.internal)[1])
        status, line = serving.get("/readyz", serving.internal)
        assert status == 503
        assert re.fullmatch(r"down: relay \(held since \S+Z: .*530 5\.7\.0 Authentication required\)", line)
        until(lambda: re.fullmatch(r"\w+ \(the relay is held since \S+Z\)", serving.get(f"/v1/emails/{ids[0]}")[1]))
        assert set(serving.states().values()) <= {"queued", "sending"}
        relay.follow({})
        until(lambda: serving.states() == dict.fromkeys(ids, "sent"))
        until(lambda: serving.get("/readyz", serving.internal) == (200, "ready"))
        assert len(relay.accepted) == 3
        with connected(serving.folder / "var" / "messaging.db") as connection:
            assert connection.execute("SELECT DISTINCT attempts FROM mails").fetchall() == [(1,)]


#: `serve` whose loop for connections has a bug, that a path of the public or the internal side leads to.
WITH_A_BUG = """
import os
from config.settings import Settings
from messaging.serve import serve
from messaging.server import Server

look = Server._poll
def poll(server, timeout_s):
    look(server, 0.01)
    if os.path.exists(f"bug-{server.endpoint.port}"):
        raise RuntimeError("a bug")
Server._poll = poll
serve(Settings.load(os.environ))
"""


@pytest.mark.parametrize("side", ["public", "internal"])
def test_a_side_that_dies_ends_the_process_in_order(begin: Serve, side: str) -> None:
    serving = begin([sys.executable, "-c", WITH_A_BUG], LOG_FORMAT="json").wait_until_it_listens()
    mail_id = serving.send()
    port = (serving.endpoint if side == "public" else serving.internal).port
    (serving.folder / f"bug-{port}").touch()
    assert serving.program.wait() == 1
    assert serving.states().keys() == {mail_id}
    logged = [json.loads(line) for line in serving.lines]
    (critical,) = [entry for entry in logged if entry["level"] == "CRITICAL"]
    assert critical["message"] == f"thread server-{port} ends: nobody caught this"
    assert critical["exc_info"].endswith("RuntimeError: a bug")
    assert [entry["message"].partition(":")[0] for entry in logged].count("stopping") == 1


#: `serve` whose publisher notes what the broker confirmed much later than it does, or at its end.
NOTING_LATE = """
import os
from config.settings import Settings
from messaging import publisher
from messaging.serve import serve

publisher._NOTE_AFTER_S = 60
serve(Settings.load(os.environ))
"""


def test_what_the_broker_confirmed_is_noted_before_the_end(begin: Serve) -> None:
    serving = begin([sys.executable, "-c", NOTING_LATE]).wait_until_it_listens()
    mail_id = serving.send()
    assert serving.end()[0] == 0
    with connected(serving.folder / "var" / "messaging.db") as connection:
        assert connection.execute("SELECT mail_id FROM confirms").fetchall() == [(mail_id,)]


def test_readiness_asks_after_every_part(begin: Serve) -> None:
    serving = begin().wait_until_it_listens()
    until(lambda: serving.get("/readyz", serving.internal) == (200, "ready"))
    with Connection(serving.internal) as connection:
        connection.get("/readyz", f"Accept: {JSON['Accept']}")
        assert connection.answer().json["parts"].keys() == {
            "database",
            "broker",
            "talktome log",
            "workers",
            "dispatcher",
            "relay",
        }

    def asked_when_the_last_sign_of_life_is_old(role: str) -> tuple[int, str]:
        with connected(serving.folder / "var" / "messaging.db") as database:
            database.execute("UPDATE workers SET seen_at = seen_at - 41000 WHERE role = ?", (role,))
        return serving.get("/readyz", serving.internal)

    until(lambda: asked_when_the_last_sign_of_life_is_old("worker") == (503, "down: workers (none seen for 40 s)"))
    until(lambda: "dispatcher (none seen for 40 s)" in asked_when_the_last_sign_of_life_is_old("dispatcher")[1])


@pytest.mark.parametrize("setting", ["LISTEN", "INTERNAL_LISTEN"])
def test_an_address_that_is_taken_is_told_in_one_line(begin: Serve, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        serving = begin(**{setting: address})
        assert serving.program.wait() == 1
    (line,) = serving.lines
    assert line.startswith(f'messaging: {setting}: "{address}" cannot be listened on (Address already in use); allowed')


@pytest.mark.parametrize(
    ("environ", "code", "words"),
    [
        ({"DATABASE_URL": "sqlite:////dev/null/m.db"}, 1, "DATABASE_URL: /dev/null/m.db: Not a directory"),
        ({"DATABASE_URL": "sqlite:////proc/messaging.db"}, 1, "DATABASE_URL: /proc/messaging.db: No such file"),
        ({"DATABASE_URL": "sqlite:////"}, 2, 'DATABASE_URL: "/" is a folder; allowed: '),
        ({"LISTEN": "192.0.2.1:80"}, 2, 'LISTEN: "192.0.2.1:80" cannot be listened on (Cannot assign'),
        ({"INTERNAL_LISTEN": "host.invalid:80"}, 2, 'INTERNAL_LISTEN: "host.invalid:80" cannot be listened on ('),
        ({"WEB_THREADS": "many"}, 2, 'WEB_THREADS: "many" cannot be used; allowed: '),
        ({"TALKTOME_LOG": "/proc/talktome.log"}, 2, "TALKTOME_LOG: /proc/talktome.log cannot be written "),
    ],
)
def test_what_keeps_it_from_starting_is_told_in_one_line(
    tmp_path: Path,
    environ: dict[str, str],
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "configure_logging", lambda *_: None)  # that of the tests stays
    log = {"TALKTOME_LOG": f"{tmp_path}/talktome.log"}
    for name, value in {**log, "LISTEN": "127.0.0.1:0", "INTERNAL_LISTEN": "127.0.0.1:0", **environ}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as exit_:
        main(["serve"])
    assert exit_.value.code == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"messaging: {words}")
    assert err.count("\n") == 1


def test_a_log_that_nobody_asked_for_and_cannot_be_written_is_kept_here_and_said_aloud(begin: Serve) -> None:
    serving = begin([sys.executable, "-c", WITHOUT_VAR_LOG], TALKTOME_LOG="").wait_until_it_listens()
    moved = "  the talktome log is var/messaging_system.log (/proc/messaging_system.log cannot be written); "
    assert any(line.startswith(moved) for line in serving.lines)
    assert serving.get("/?talktome")[0] == 200
    assert (serving.folder / "var" / "messaging_system.log").read_text().count("\n") == 1


def test_no_folder_for_the_log_here_either_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").touch()
    settings = replace(Settings.load({}), talktome_log=Path("/proc/messaging_system.log"))
    with pytest.raises(SettingError, match=r"neither /proc/messaging_system\.log nor var/messaging_system\.log"):
        module._open_talktome(settings)


def open_to_all(serving: Serving) -> list[str]:
    """The lines that tell the operator what strangers may do."""
    return [line for line in serving.lines if "OPEN_SENDMAIL=false" in line]


def test_where_others_can_reach_it_it_says_in_one_line_what_they_may_do(begin: Serve) -> None:
    serving = begin(LISTEN="0.0.0.0:0", OPEN_PER_RECIPIENT="3/h").wait_until_it_listens()
    assert serving.get("/healthz")[0] == 200
    (line,) = open_to_all(serving)
    assert line.startswith("Whoever reaches this service may have the greeting sent to any address without a key, 3/h ")


def test_where_only_this_machine_does_it_says_what_a_tunnel_would_change(begin: Serve) -> None:
    serving = begin().wait_until_it_listens()
    assert serving.get("/healthz")[0] == 200
    (line,) = open_to_all(serving)
    assert line.startswith("As far as the settings tell, only this machine reaches this service. Through a tunnel ")


def test_where_strangers_may_do_nothing_it_does_not(begin: Serve) -> None:
    serving = begin(LISTEN="0.0.0.0:0", OPEN_SENDMAIL="false").wait_until_it_listens()
    assert serving.get("/healthz")[0] == 200
    assert open_to_all(serving) == []


_TOLD_EARLY = """
import signal
from messaging.serve import _keep_stop_signals, _wait_for_stop_signal

_keep_stop_signals()
signal.raise_signal(signal.SIGTERM)
_wait_for_stop_signal()
print("stopping", flush=True)
signal.raise_signal(signal.SIGTERM)
print("never", flush=True)
"""


def test_a_signal_that_comes_before_it_is_waited_for_is_heard_and_the_next_one_ends_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TOLD_EARLY], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "stopping\n")
