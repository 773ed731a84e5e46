"""The doctor beside the whole service: each part broken in turn has its cross, and its advice taken repairs it."""

import contextlib
import json
import os
import re
import shlex
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pika
import pytest

from config.broker_url import parse_broker_url
from config.rabbitmq.broker import RabbitBroker
from messaging.doctor.checks.broker import check_broker
from messaging.doctor.examination import examine
from messaging.doctor.finding import Finding, find
from stack.nginx import Edge, Nginx
from stack.rabbitmq import RabbitMQ
from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.servers.availability import require
from tests.servers.certificates import authority
from tests.servers.ports import free_address
from tests.servers.smtp import SmtpServer


class Doctor:
    """Runs the command beside a system, with its settings and what a test adds."""

    def __init__(self, system: System) -> None:
        self._system = system

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "messaging", "doctor", *arguments],
            cwd=self._system.folder,
            env={"PATH": "/usr/bin:/bin", **self._system.environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def crosses(self, *, url: str | None = None, **environ: str) -> dict[str, Finding]:
        """What is wrong, by part."""
        every = {**self._system.environ, **environ}
        with mock.patch.dict(os.environ, every, clear=True), contextlib.chdir(self._system.folder):
            return {finding.part: finding for finding in examine(url) if not finding.ok}

    def only_cross(self, part: str, *, url: str | None = None, **environ: str) -> Finding:
        crosses = self.crosses(url=url, **environ)
        assert list(crosses) == [part], crosses
        return crosses[part]


@pytest.fixture(scope="module")
def relay() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@pytest.fixture(scope="module")
def system(rabbitmq_node: RabbitMQ, relay: SmtpServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One for all of these tests: each leaves it as it was, which it has the doctor say."""
    environ = {"BROKER_URL": rabbitmq_node.fresh_vhost(), "SMTP_URL": relay.url, "TRUSTED_PROXIES": "1"}
    with System(tmp_path_factory.mktemp("doctor"), environ, processes=1) as system:
        until(lambda: Doctor(system).crosses() == {})
        yield system


@pytest.fixture
def doctor(system: System) -> Doctor:
    return Doctor(system)


def test_a_service_that_is_well_has_a_hook_on_every_line(doctor: Doctor, relay: SmtpServer) -> None:
    done = doctor.run("--send", "me@example.com")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr, [line for line in lines if not line.startswith("✓ ")]) == (0, "", [])
    parts = [line[2:].partition(":")[0] for line in lines]
    assert parts == [
        "settings", "database", "talktome log", "broker", "web", "workers",
        "relay", "sender", "clock", "strangers", "mail",
    ]  # fmt: skip
    assert [mail.recipients for mail in relay.accepted] == [("me@example.com",)]


def test_a_bad_setting_is_the_only_finding_and_the_exit_code_is_1(doctor: Doctor) -> None:
    done = doctor.run("--json", LEASE="soon")
    (finding,) = json.loads(done.stdout)
    assert (finding["part"], finding["ok"], done.returncode) == ("settings", False, 1)
    assert "set LEASE to" in finding["advice"]


# The broker.


def rabbitmqctl(advice: str) -> list[str]:
    """The commands of an advice."""
    return [command.removeprefix("rabbitmqctl ") for command in re.findall(r"rabbitmqctl [^&;,]+", advice)]


def test_a_queue_with_other_arguments_is_deleted_and_made_anew(
    doctor: Doctor, system: System, rabbitmq: RabbitMQ
) -> None:
    system.workers.stop()
    with pika.BlockingConnection(pika.URLParameters(system.environ["BROKER_URL"])) as connection:
        connection.channel().queue_delete("mail")
        connection.channel().queue_declare("mail", durable=True, arguments={"x-max-length": 5})
    advice = doctor.crosses()["broker"].advice
    for command in rabbitmqctl(advice):
        rabbitmq.ctl(*shlex.split(command))
    system.start_workers()
    until(lambda: doctor.crosses() == {})


def test_a_broker_that_is_stopped_has_to_be_started(doctor: Doctor, rabbitmq: RabbitMQ) -> None:
    rabbitmq.stop()
    assert doctor.only_cross("broker").advice.startswith("Start RabbitMQ")
    rabbitmq.start()
    assert doctor.crosses() == {}


def test_a_virtual_host_that_is_missing_has_to_be_made(doctor: Doctor, rabbitmq: RabbitMQ) -> None:
    url = rabbitmq.url_of("nowhere")
    advice = doctor.only_cross("broker", BROKER_URL=url).advice
    for command in rabbitmqctl(advice):
        rabbitmq.ctl(*shlex.split(command))
    assert doctor.crosses(BROKER_URL=url) == {}
    rabbitmq.ctl("delete_vhost", "nowhere")


def test_a_password_that_is_wrong_has_to_be_set(doctor: Doctor, system: System, rabbitmq: RabbitMQ) -> None:
    url = system.environ["BROKER_URL"].replace("guest:guest", "guest:another")
    finding = doctor.only_cross("broker", BROKER_URL=url)
    assert "another" not in str(finding)
    (command,) = rabbitmqctl(finding.advice)
    try:
        rabbitmq.ctl(*command.replace("PASSWORD", "another").split())
        assert doctor.crosses(BROKER_URL=url) == {}
    finally:
        rabbitmq.ctl("change_password", "guest", "guest")


@pytest.mark.parametrize(
    ("permissions", "lacking"),
    [
        (("^$", ".*", ".*"), "may not make its queue"),
        ((".*", "^$", ".*"), "may not publish"),
        ((".*", ".*", "^$"), "may not take ids from its queue"),
    ],
    ids=["configure", "write", "read"],
)
def test_a_user_that_lacks_a_permission_has_to_be_given_it(
    rabbitmq: RabbitMQ, permissions: tuple[str, ...], lacking: str
) -> None:
    url = rabbitmq.fresh_vhost()
    vhost = url.rpartition("/")[2]
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        broker = RabbitBroker(parse_broker_url(url), [])
        connection.channel().queue_declare("mail", durable=True, arguments=broker.queue_arguments("mail"))
    if "limited" not in rabbitmq.ctl("list_users"):
        rabbitmq.ctl("add_user", "limited", "hunter2")
    rabbitmq.ctl("set_permissions", "-p", vhost, "limited", *permissions)
    limited = parse_broker_url(url.replace("guest:guest", "limited:hunter2"))
    finding = find("broker", lambda: check_broker(limited))
    assert f"user limited {lacking}: ACCESS_REFUSED" in finding.words
    (command,) = rabbitmqctl(finding.advice)
    rabbitmq.ctl(*shlex.split(command))
    assert find("broker", lambda: check_broker(limited)).ok


def test_a_policy_by_which_nothing_is_taken_is_named(doctor: Doctor, system: System, rabbitmq: RabbitMQ) -> None:
    vhost = system.environ["BROKER_URL"].rpartition("/")[2]
    limit = '{"max-length": 0, "overflow": "reject-publish"}'
    system.workers.stop()  # to a worker that waits it would go all the same
    rabbitmq.ctl("set_policy", "-p", vhost, "limit", "^mail$", limit)
    finding = doctor.crosses()["broker"]
    assert finding.words == "it refuses what is published, by a limit on its queue"
    (command,) = rabbitmqctl(finding.advice)
    assert "limit" in rabbitmq.ctl(*shlex.split(command))
    rabbitmq.ctl("clear_policy", "-p", vhost, "limit")
    system.start_workers()
    until(lambda: doctor.crosses() == {})


def test_an_alarm_of_the_disk_is_told_from_one_of_memory(doctor: Doctor, rabbitmq: RabbitMQ) -> None:
    rabbitmq.ctl("set_disk_free_limit", "100000GB")
    try:
        finding = doctor.only_cross("broker")
        assert "low on disk" in finding.words
        assert finding.advice.startswith("Make room on its disk")
    finally:
        rabbitmq.ctl("set_disk_free_limit", "50MB")
    until(lambda: doctor.crosses() == {})


def test_an_alarm_is_named(doctor: Doctor, rabbitmq: RabbitMQ) -> None:
    rabbitmq.ctl("set_vm_memory_high_watermark", "0.00001")
    try:
        finding = doctor.only_cross("broker")
        assert "low on memory" in finding.words
        (command,) = rabbitmqctl(finding.advice)
    finally:
        rabbitmq.ctl("set_vm_memory_high_watermark", "0.4")
    assert command == "set_vm_memory_high_watermark 0.4"
    until(lambda: doctor.crosses() == {})


# The processes.


def test_workers_that_are_stopped_have_to_be_started(doctor: Doctor, system: System) -> None:
    system.workers.stop()
    assert doctor.only_cross("workers").advice == "Start it: python -m workers"
    system.start_workers()
    until(lambda: doctor.crosses() == {})


def test_a_web_process_that_is_stopped_has_to_be_started(doctor: Doctor, system: System) -> None:
    system.web.stop()
    assert "python -m messaging serve" in doctor.only_cross("web").advice
    system.start_web()
    assert doctor.crosses() == {}


# The relay.


def test_a_relay_that_is_away_is_told_by_its_address(doctor: Doctor, relay: SmtpServer) -> None:
    relay.stop()
    assert "SMTP_URL" in doctor.only_cross("relay").advice
    relay.start()
    assert doctor.crosses() == {}


def test_a_login_that_is_wrong_has_to_be_set(doctor: Doctor) -> None:
    with SmtpServer(tls="starttls", login=("me", "right")) as relay:
        trusted = {"SSL_CERT_FILE": str(relay.ca_file), "SMTP_URL": relay.url.replace("me:right@", "")}
        finding = doctor.only_cross("relay", EMAIL_USERNAME="me", EMAIL_PASSWORD="wrong", **trusted)
        assert "EMAIL_USERNAME and EMAIL_PASSWORD" in finding.advice
        assert "wrong" not in str(finding)
        done = doctor.run(EMAIL_USERNAME="me", EMAIL_PASSWORD="right", **trusted)
        (line,) = [line for line in done.stdout.splitlines() if "relay" in line]
        assert re.search(r"answers, its certificate is good until \d{4}-\d\d-\d\d, it takes our login$", line)
        assert relay.mails == []


def context_of(*names: str, expired: bool = False) -> ssl.SSLContext:
    return authority().server_context(*names, expired=expired)


@pytest.mark.parametrize(
    ("server", "repaired"),
    [
        (
            lambda: SmtpServer(tls="starttls", context=context_of("mail.example.com")),
            ("Name the relay in SMTP_URL as its certificate does", None),
        ),
        (
            lambda: SmtpServer(tls="starttls", context=context_of(expired=True)),
            ("Have the relay's operator renew", None),
        ),
        (lambda: SmtpServer(tls="none"), ("add ?tls=none", "?tls=none")),
    ],
    ids=["another name", "expired", "no STARTTLS"],
)
def test_tls_that_is_not_as_it_should_be_has_its_own_advice(
    doctor: Doctor, server: Callable[[], SmtpServer], repaired: tuple[str, str | None]
) -> None:
    advice, suffix = repaired
    with server() as relay:
        environ = {"SSL_CERT_FILE": str(relay.ca_file)}
        url = f"smtp://127.0.0.1:{relay.port}"
        assert advice in doctor.only_cross("relay", SMTP_URL=url, **environ).advice
        if suffix:
            assert doctor.crosses(SMTP_URL=url + suffix, **environ) == {}


def test_an_authority_that_is_not_trusted_can_be(doctor: Doctor) -> None:
    with SmtpServer(tls="starttls") as relay:
        assert "SSL_CERT_FILE=" in doctor.only_cross("relay", SMTP_URL=relay.url).advice
        assert doctor.crosses(SMTP_URL=relay.url, SSL_CERT_FILE=str(relay.ca_file)) == {}


# The way in.


def test_a_url_has_to_lead_to_this_service(doctor: Doctor, system: System, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    with System(folder, {}) as other:
        finding = doctor.only_cross("tunnel", url=f"http://{other.address}")
        assert "another database" in finding.words
    assert "does not answer" in doctor.crosses(url=f"http://{other.address}")["tunnel"].words
    assert "tunnel" not in doctor.crosses(url=f"http://{system.address}")
    assert "something else" in doctor.crosses(url=f"http://{system.internal}")["tunnel"].words


def test_through_nginx_nobody_can_claim_to_be_somebody_else(doctor: Doctor, system: System, tmp_path: Path) -> None:
    require("nginx")
    with Nginx(Edge(free_address(), system.address, 262144, tmp_path / "nginx", tunnel="127.0.0.9")) as edge:
        assert doctor.crosses(url=edge.url) == {}


def test_beside_a_service_that_believes_this_machine_nothing_is_advised(doctor: Doctor, system: System) -> None:
    (hops,) = [line for line in doctor.run("--url", f"http://{system.address}").stdout.splitlines() if "hops" in line]
    assert "this machine is believed" in hops
