"""`send`: what is stored, what is printed, and with which code it ends."""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.values import Endpoint
from messaging.cli import remote, waiting
from messaging.outbox.clock import clock_ms
from messaging.outbox.states import State
from messaging.server import Server
from tests.fixtures.service import Service
from tests.fixtures.storage import locked
from tests.messaging.cli.conftest import Run, only_mail
from tests.servers.certificates import authority
from tests.servers.tls_proxy import TlsProxy

pytestmark = pytest.mark.slow

TO = "me@example.com"


@pytest.mark.usefixtures("seam")
def test_the_text_comes_from_an_argument(service: Service, run: Run) -> None:
    done = run("send", "me+tag@example.com", "Grüße\nzwei", "--subject", "Hallo ✓")
    mail = only_mail(service)
    assert (mail.recipient, mail.subject, mail.text) == ("me+tag@example.com", "Hallo ✓", "Grüße\nzwei")
    assert (done.code, done.out, done.err) == (0, f"{mail.id} accepted for me+tag@example.com\n", "")


@pytest.mark.usefixtures("seam")
@pytest.mark.parametrize("arguments", [[], ["-"], ["--file", "-"]])
def test_the_text_comes_from_standard_input(service: Service, run: Run, arguments: list[str]) -> None:
    assert run("send", TO, *arguments, stdin="Grüße\n".encode()).code == 0
    mail = only_mail(service)
    assert (mail.text, mail.subject, mail.sender) == ("Grüße\n", "A greeting", "alerts@example.org")


@pytest.mark.usefixtures("seam")
def test_the_text_comes_from_a_file(service: Service, run: Run) -> None:
    Path("report").write_text("42 GB")
    assert run("send", TO, "--file", "report", "--subject", "").code == 0
    mail = only_mail(service)
    assert (mail.text, mail.subject) == ("42 GB", "")


@pytest.mark.usefixtures("seam")
def test_json_is_the_document_of_the_api(service: Service, run: Run) -> None:
    done = run("send", TO, "Hi", "--json")
    document = json.loads(done.out)
    mail = only_mail(service)
    assert document.keys() == {"id", "state", "to", "created_at", "status_url"}
    assert (document["id"], document["to"], done.out.count("\n")) == (mail.id, TO, 1)


@pytest.mark.usefixtures("seam")
def test_why_a_mail_has_to_wait_is_said(service: Service, run: Run) -> None:
    service.heartbeats.end(service.clock())
    assert run("send", TO, "Hi").out.endswith("(no worker has been seen for 40 s, it waits for one)\n")


def test_what_is_put_into_the_database_is_due_at_once(service: Service, seam: str, run: Run) -> None:
    run("send", TO, "Hi")
    mail = only_mail(service)
    if seam == "database":
        # A dispatcher looks every second.
        assert mail.due_at <= clock_ms()
    else:
        assert service.publisher.ids == [mail.id]


@pytest.mark.usefixtures("seam")
@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nobody", "Hi"], "to: An email address must have an @-sign."),
        ([TO, "Hi", "--subject", "a\nb"], "subject: one line without control characters"),
        ([TO, "Hi", "--file", "x"], "TEXT and --file both say what the mail says"),
        ([TO, "--file", "not\nthere"], "not\\nthere cannot be read (No such file or directory)"),
    ],
)
def test_what_cannot_be_sent_is_used_wrongly_in_one_line(
    service: Service, run: Run, arguments: list[str], problem: str
) -> None:
    done = run("send", *arguments)
    assert (done.code, done.out, done.err) == (2, "", f"messaging: {problem}\n")
    assert service.mails == []


@pytest.mark.usefixtures("seam")
@pytest.mark.parametrize("way", ["stdin", "file", "argument"])
def test_what_is_no_text_in_a_report_is_replaced_and_loses_nothing_else(service: Service, run: Run, way: str) -> None:
    report = b"Gr\xf6\xdfe\0: 42 GB"
    Path("report").write_bytes(report)
    arguments = {"stdin": [], "file": ["--file", "report"], "argument": [os.fsdecode(report)]}[way]
    assert run("send", TO, *arguments, "--subject", "\udcdcber uns", stdin=report).code == 0
    mail = only_mail(service)
    assert (mail.text, mail.subject) == ("Gr\ufffd\ufffde\ufffd: 42 GB", "\ufffdber uns")


@pytest.mark.usefixtures("seam")
@pytest.mark.parametrize("state", [State.SENT, State.QUEUED])
def test_a_mail_is_sent_as_another_one_was(service: Service, run: Run, state: State) -> None:
    run("send", TO, "Hi", "--subject", "Once more")
    first = only_mail(service)
    service.bring_into(first.id, state)
    service.clock.pass_s(1)
    done = run("resend", first.id, "--json")
    document = json.loads(done.out)
    (second,) = [mail for mail in service.mails if mail.id != first.id]
    assert (done.code, document["id"], document["to"]) == (0, second.id, TO)
    assert (second.recipient, second.subject, second.text) == (TO, "Once more", "Hi")
    assert second.state is State.QUEUED
    assert run("resend", first.id).out.endswith(f" accepted for {TO}\n")


@pytest.mark.usefixtures("seam")
def test_a_mail_that_is_not_there_is_not_sent_again(service: Service, run: Run) -> None:
    done = run("resend", "01a1ff66-f1c5-73b9-a8ca-3e9d383d3120")
    assert (done.code, done.err, service.mails) == (1, "messaging: there is no mail of this id\n", [])


@pytest.mark.parametrize("seam", ["database"], indirect=True)
def test_to_whom_no_mail_may_go_none_goes_again(
    service: Service, seam: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("send", TO, "Hi")
    monkeypatch.setenv("ALLOWED_RECIPIENTS", "@example.org")
    assert run("resend", only_mail(service).id).code == 1
    assert len(service.mails) == 1


@pytest.mark.usefixtures("seam")
def test_letters_of_any_script_count_by_their_bytes(service: Service, run: Run) -> None:
    assert run("send", TO, stdin=("ж" * 100_000).encode()).code == 0
    assert only_mail(service).text == "ж" * 100_000


@pytest.mark.usefixtures("seam")
def test_an_argument_that_is_no_text_is_refused(service: Service, run: Run) -> None:
    done = run("send", "j\udcfcrg@example.com", "Hi")
    assert (done.code, done.err.count("\n"), service.mails) == (2, 1, [])


@pytest.mark.usefixtures("seam")
def test_a_text_that_is_larger_than_a_request_may_be_is_refused(service: Service, run: Run) -> None:
    done = run("send", TO, stdin=b"x" * 300_000)
    assert (done.code, done.err.count("\n"), service.mails) == (2, 1, [])


@pytest.mark.parametrize("seam", ["database"], indirect=True)
def test_the_operator_s_list_of_recipients_binds_the_operator_too(
    service: Service, seam: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED_RECIPIENTS", "@example.org")
    done = run("send", TO, "Hi")
    assert (done.code, done.err) == (1, "messaging: to: mail to this address is not allowed here\n")
    assert service.mails == []


def soon(service: Service, *states: State) -> threading.Thread:
    """Have a worker bring the mail that comes into one state after the other."""

    def work() -> None:
        mail_id = only_mail(service).id
        for state in states:
            service.bring_into(mail_id, state)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.usefixtures("seam")
def test_waiting_ends_when_the_relay_has_taken_the_mail(service: Service, run: Run) -> None:
    worker = soon(service, State.SENT)
    done = run("send", TO, "Hi", "--wait")
    worker.join()
    assert done.code == 0
    assert done.out.startswith(f"{only_mail(service).id} sent at 20")
    assert done.out.endswith(", attempt 1: 250 2.0.0 Ok: queued as 1A2B\n")


@pytest.mark.usefixtures("seam")
def test_waiting_ends_with_the_relay_s_words_where_it_refuses(service: Service, run: Run) -> None:
    worker = soon(service, State.FAILED)
    done = run("send", TO, "Hi", "--wait", "--json")
    worker.join()
    document = json.loads(done.out)
    assert (done.code, document["state"]) == (1, "failed")
    assert document["attempts"][-1]["reply"] == "5.1.1 No such user here"


@pytest.mark.usefixtures("seam")
def test_waiting_says_what_keeps_a_mail_and_ends_when_its_time_is_over(service: Service, run: Run) -> None:
    worker = soon(service, State.RETRYING)
    done = run("send", TO, "Hi", "--wait", "--timeout", "1s")
    worker.join()
    mail = only_mail(service)
    assert done.code == 1
    for told in (done.out, done.err.removeprefix("messaging: ")):
        assert told.startswith(f"{mail.id} retrying until 20")
        assert told.endswith(", attempt 1: 451 4.7.1 Greylisted\n")


def test_a_database_that_is_locked_is_a_failure_in_one_line(
    service: Service, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", service.settings.database_url.reveal())
    monkeypatch.setattr("messaging.outbox.database.BUSY_TIMEOUT_S", 0.05)
    with locked(service.database_path):
        done = run("send", TO, "Hi")
    assert (done.code, done.out) == (1, "")
    assert done.err == f"messaging: DATABASE_URL: {service.database_path}: database is locked\n"


# Over HTTP.


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_AGAIN_AFTER_S", (0.0, 0.0))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch, key: str, tmp_path: Path) -> Callable[[str], None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MESSAGING_KEY", key)
    return lambda url: monkeypatch.setenv("MESSAGING_URL", url)


@contextlib.contextmanager
def served(application: Callable[..., Any]) -> Iterator[str]:
    server = Server(application, Endpoint("127.0.0.1", 0), 1, 10_000)
    server.start()
    yield f"http://{server.endpoint}"
    server.stop()
    server.join()


class Forgetful:
    """A proxy in front of a service: passes a request on, and then loses the first answer."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.keys: list[str] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        self.keys.append(environ["HTTP_IDEMPOTENCY_KEY"])
        if len(self.keys) == 1:
            list(self._service.application(environ, lambda _status, _headers: None))
            start_response("502 Bad Gateway", [("Content-Length", "0")])
            return [b""]
        return list(self._service.application(environ, start_response))


@pytest.fixture
def forgetful(service: Service) -> Iterator[tuple[Forgetful, str]]:
    application = Forgetful(service)
    with served(application) as url:
        yield application, url


@pytest.mark.usefixtures("_impatient")
def test_a_lost_answer_makes_no_second_mail(
    service: Service, run: Run, at: Callable[[str], None], forgetful: tuple[Forgetful, str]
) -> None:
    application, url = forgetful
    at(url)
    done = run("send", TO, "Hi")
    assert (done.code, len(application.keys), len(set(application.keys))) == (0, 2, 1)
    assert done.out == f"{only_mail(service).id} accepted for {TO}\n"


class Restarting:
    """A service that takes mails, and then is away for some requests."""

    def __init__(self, service: Service, away: int) -> None:
        self._service = service
        self.away = away

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["REQUEST_METHOD"] == "GET" and self.away:
            self.away -= 1
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return [b""]
        return list(self._service.application(environ, start_response))


@pytest.fixture
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_AGAIN_AFTER_S", ())
    monkeypatch.setattr(waiting, "_AGAIN_AFTER_S", 0.01)


@pytest.mark.usefixtures("_in_no_time")
def test_who_waits_goes_on_when_the_service_comes_back(service: Service, run: Run, at: Callable[[str], None]) -> None:
    with served(Restarting(service, 3)) as url:
        at(url)
        worker = soon(service, State.SENT)
        done = run("send", TO, "Hi", "--wait")
        worker.join()
    mail_id = only_mail(service).id
    assert (done.code, done.out.startswith(f"{mail_id} sent at 20")) == (0, True)
    words = "is accepted, and it is asked again what becomes of it"
    assert done.err == f"messaging: {mail_id} {words}: {url} answered 503\n"


@pytest.mark.usefixtures("_in_no_time")
def test_who_waits_in_vain_is_told_the_id_when_the_time_is_over(
    service: Service, run: Run, at: Callable[[str], None]
) -> None:
    with served(Restarting(service, 1_000_000)) as url:
        at(url)
        done = run("send", TO, "Hi", "--wait", "--timeout", "300ms")
    mail_id = only_mail(service).id
    assert (done.code, done.out) == (1, f"{mail_id} queued\n")
    assert done.err.startswith(f"messaging: {mail_id} is accepted, ")


def test_a_service_that_lets_nobody_wait_is_not_asked_again_at_once(
    service: Service, run: Run, at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_PAUSE_S", 0.1)
    asked: list[str] = []

    def impatient(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["QUERY_STRING"]:
            asked.append(environ["QUERY_STRING"])
            environ["QUERY_STRING"] = ""
        return list(service.application(environ, start_response))

    with served(impatient) as url:
        at(url)
        assert run("send", TO, "Hi", "--wait", "--timeout", "450ms").code == 1
    assert 1 < len(asked) <= 5
    assert asked[0].startswith("wait=")


@pytest.mark.parametrize("trusted", [True, False])
def test_at_https_a_certificate_has_to_be_the_service_s(
    service: Service,
    run: Run,
    at: Callable[[str], None],
    listening: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    trusted: bool,
) -> None:
    monkeypatch.setattr(remote, "_AGAIN_AFTER_S", ())
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority().file))
    with TlsProxy(int(listening.rpartition(":")[2])) as proxy:
        at(f"https://127.0.0.1:{proxy.port}")
        done = run("send", TO, "Hi")
    assert (done.code, len(service.mails)) == ((0, 1) if trusted else (1, 0))
    assert ("CERTIFICATE_VERIFY_FAILED" in done.err) is not trusted


@pytest.mark.usefixtures("_impatient")
def test_a_service_that_is_away_is_a_failure_in_one_line(run: Run, at: Callable[[str], None]) -> None:
    at("http://127.0.0.1:1")
    done = run("send", TO, "Hi")
    assert (done.code, done.out) == (1, "")
    assert done.err == "messaging: http://127.0.0.1:1 does not answer ([Errno 111] Connection refused)\n"


def test_a_wrong_key_is_a_failure_in_one_line(
    run: Run, at: Callable[[str], None], listening: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(listening)
    monkeypatch.setenv("MESSAGING_KEY", "msg_other")
    assert run("send", TO, "Hi").err == "messaging: this key is not known here\n"


def test_something_else_at_the_url_is_a_failure_in_one_line(
    run: Run, at: Callable[[str], None], listening: str
) -> None:
    at(f"{listening}/some/folder")
    done = run("send", TO, "Hi")
    assert (done.code, done.err.count("\n"), done.out) == (1, 1, "")


def test_a_key_may_stand_in_a_file_and_the_url_in_dotenv(
    service: Service, run: Run, listening: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text(f"{key}\n")
    (tmp_path / ".env").write_text(f"MESSAGING_URL={listening}\nMESSAGING_KEY_FILE=password\n")
    assert run("send", TO, "Hi").code == 0
    assert only_mail(service).recipient == TO


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"MESSAGING_URL": "ftp://example.com", "MESSAGING_KEY": "x"}, "MESSAGING_URL"),
        ({"MESSAGING_URL": "http://me:x@example.com", "MESSAGING_KEY": "x"}, "MESSAGING_URL"),
        ({"MESSAGING_URL": "http://[", "MESSAGING_KEY": "x"}, "MESSAGING_URL"),
        ({"MESSAGING_URL": "http://example.com", "MESSAGING_KEY": "a\nb"}, "MESSAGING_KEY"),
        ({"MESSAGING_URL": "http://example.com"}, "MESSAGING_KEY"),
    ],
)
def test_a_url_or_key_that_is_none_is_used_wrongly(
    run: Run, environ: dict[str, str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for each, value in environ.items():
        monkeypatch.setenv(each, value)
    done = run("send", TO, "Hi")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith(f"messaging: {name}: ")
