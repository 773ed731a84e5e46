"""Addresses, keys, links and passwords go through every process, and none is in a log, an argument or a title."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from messaging.draft import Draft
from messaging.links import Links
from messaging.outbox.database import Database
from messaging.outbox.secret import LinkSecret
from stack.nginx import Nginx
from tests.fixtures.storage import url_of
from tests.fixtures.waiting import until
from tests.integration.system import System, ask
from tests.leaks.scan import leaks
from tests.servers.smtp import SmtpServer

LOGIN = ("user0@example.com", "hunter2")

#: Relays like to repeat whom they were asked to send to.
REFUSAL = "550 5.1.1 <victim@example.com>: Recipient address rejected: user unknown"
REFUSED_US = "530 5.7.0 <user0@example.com>: sender not allowed"


@pytest.fixture
def relay() -> Iterator[SmtpServer]:
    with SmtpServer({"RCPT": REFUSAL}, tls="starttls", login=LOGIN) as server:
        yield server


def environ_of(broker_url: str, relay: SmtpServer) -> dict[str, str]:
    return {
        "BROKER_URL": broker_url,
        "SMTP_URL": relay.url.replace(LOGIN[0], LOGIN[0].replace("@", "%40")),
        "SSL_CERT_FILE": str(relay.ca_file),
        "MAIL_FROM": LOGIN[0],
        "LOG_LEVEL": "debug",
        "HOLD_PROBE": "300ms",
        "OPEN_PER_CLIENT": "off",
    }


def link_of(system: System) -> str:
    database = Database(url_of(system.folder / "var" / "messaging.db"))
    try:
        return Links(LinkSecret(database)).make(Draft("victim@example.com", "subject", "text"), 3600)
    finally:
        database.close()


def send_in_every_way(system: System, key: str, at: str) -> None:
    """By key, by link and without; what is right and what is wrong."""
    link = link_of(system)
    expected = {
        f"/?sendmail=victim@example.com&key={key}&text=Hello": 202,
        f"/action?sendmail=victim%40example.com&key={key}&talktome": 202,
        "/?sendmail=victim+tag@example.com": 202,
        f"/?link={link}": 202,
        f"/?link={link}x": 403,
        f"/?sendmail=victim@example.com&key={key}x": 401,
        f"/?sendmail=victim@example..com&key={key}": 422,
        "/victim@example.com": 404,
        f"/sendmail=victim@example.com&key={key}": 404,
        f"/{key}": 404,
        f"/v1/emails/victim@example.com?key={key}": 404,
    }
    for target, status in expected.items():
        fields = {"Referer": f"http://x/?key={key}", "Authorization": "Basic victim@example.com"}
        assert ask(at, "GET", target, headers=fields).status == status, target
    body = b'{"to": "victim@example.com", "subject": "victim@example.com"}'
    fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Idempotency-Key": f"order-1 {key}"}
    assert ask(at, "POST", "/v1/emails", body=body, headers=fields).status == 202
    assert ask(at, "POST", "/v1/emails", body=body[:-1], headers=fields).status == 400


def test_nothing_that_was_sent_is_in_any_log(
    tmp_path: Path, broker_url: str, nginx: Nginx, web_address: str, relay: SmtpServer
) -> None:
    with System(tmp_path, environ_of(broker_url, relay), web_address=web_address) as system:
        key = system.key()
        send_in_every_way(system, key, nginx.url.removeprefix("http://"))
        system.workers.wait_for_line(r"failed after 1 attempts: 550 5\.1\.1 <v\*\*\*@example\.com>")
        relay.follow({"MAIL": REFUSED_US})
        send_in_every_way(system, key, system.address)
        system.workers.wait_for_line(r"the relay is held, mails wait: 530 5\.7\.0 <u\*\*\*@example\.com>")
        until(lambda: "u***@example.com" in ask(system.internal, "GET", "/readyz").body.decode())
        ready = ask(system.internal, "GET", "/readyz").body.decode()
    assert "user0" not in ready
    assert "accepted for v***@example.com" in system.web.text
    assert [str(leak) for leak in leaks(tmp_path)] == []


def test_no_secret_is_among_the_arguments_or_in_the_title_of_a_process(
    tmp_path: Path, broker_url: str, relay: SmtpServer
) -> None:
    with System(tmp_path, environ_of(broker_url, relay)) as system:
        key = system.key()
        assert system.sendmail("victim@example.com").status == 202
        until(lambda: len(system.workers.family()) >= 3)
        pids = [system.web.process.pid, system.workers.process.pid]
        pids += [member.pid for program in (system.web, system.workers) for member in program.family()]
        shown = [(Path("/proc", str(pid)) / what).read_bytes() for pid in pids for what in ("cmdline", "comm", "stat")]
    for secret in ("hunter", "guest", "user0", "victim", key):
        assert not any(secret.encode() in each for each in shown)


def test_what_others_on_this_machine_may_not_read_they_cannot(tmp_path: Path, broker_url: str) -> None:
    with System(tmp_path, {"BROKER_URL": broker_url, "SMTP_URL": "maildir:var/mailbox"}) as system:
        answer = system.sendmail("victim@example.com")
        until(lambda: system.status(answer.headers["Location"])["state"] == "sent")
        assert ask(system.address, "GET", "/?talktome").status == 200
        var = tmp_path / "var"
        mailbox = var / "mailbox"
        files = [*var.glob("messaging.db*"), mailbox, *mailbox.iterdir()]
        assert len(files) == 3 + 1 + 3
        assert [file.name for file in files if file.stat().st_mode & 0o077] == []
        # The operator's group may read when somebody talked to us.
        assert (tmp_path / "talktome.log").stat().st_mode & 0o007 == 0
