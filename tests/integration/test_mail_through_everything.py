"""A mail's whole way: curl, Nginx, Waitress, outbox, RabbitMQ, a Dramatiq worker, the relay."""

import time
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from stack.nginx import Nginx
from stack.rabbitmq import RabbitMQ
from tests.fixtures.waiting import until
from tests.integration.system import System, ask
from tests.servers.sink import SmtpSink
from tests.servers.smtp import SmtpServer


def tokens(count: int) -> list[str]:
    return [f"t{number:06}@example.com" for number in range(count)]


def environ_of(broker_url: str, smtp_server: SmtpServer) -> dict[str, str]:
    return {"BROKER_URL": broker_url, "SMTP_URL": smtp_server.url, "OPEN_TOTAL": "off", "OPEN_PER_CLIENT": "off"}


def received_by(smtp_server: SmtpServer) -> Counter[str]:
    return Counter(recipient for mail in smtp_server.accepted for recipient in mail.recipients)


def test_a_curl_through_nginx_rabbitmq_and_a_worker_reaches_the_relay(
    tmp_path: Path, broker_url: str, nginx: Nginx, web_address: str, smtp_server: SmtpServer
) -> None:
    environ = {"BROKER_URL": broker_url, "SMTP_URL": smtp_server.url, "MAIL_FROM": "alerts@example.org"}
    with System(tmp_path, environ, web_address=web_address) as system:
        answer = system.sendmail("me+tag@example.com", at=nginx.url.removeprefix("http://"))
        assert answer.status == 202
        (mail,) = smtp_server.wait_for(1)
        location = answer.headers["Location"]
        until(lambda: system.status(location)["state"] == "sent")
        until(lambda: system.status(location)["published_at"])
        seen = system.status(location, system.key())
    assert mail.sender == "alerts@example.org"
    assert mail.recipients == ("me+tag@example.com",)
    message = message_from_bytes(mail.content, policy=policy.default)
    assert message["To"] == "me+tag@example.com"
    assert message["Message-ID"] == f"<{location.rpartition('/')[2]}@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    (attempt,) = seen["attempts"]
    assert (attempt["number"], attempt["outcome"], attempt["code"]) == (1, "sent", 250)
    assert seen["created_at"] <= seen["published_at"]


def test_a_thousand_mails_from_sixteen_clients_arrive_once_each(
    tmp_path: Path, broker_url: str, nginx: Nginx, web_address: str, smtp_sink: SmtpSink
) -> None:
    recipients = tokens(1000)
    environ = {"BROKER_URL": broker_url, "SMTP_URL": smtp_sink.url, "OPEN_TOTAL": "off", "OPEN_PER_CLIENT": "off"}
    with System(tmp_path, environ, web_address=web_address) as system:
        answers = system.send_all(recipients, clients=16, at=nginx.url.removeprefix("http://"))
        assert Counter(answer.status for answer in answers) == {202: 1000}
        smtp_sink.wait_for(1000, within_s=60)
        until(lambda: all(system.status(answer.headers["Location"])["final"] for answer in answers))
        assert {system.status(answer.headers["Location"])["state"] for answer in answers} == {"sent"}
    assert sorted(smtp_sink.recipients()) == recipients


@pytest.mark.alone
def test_with_rabbitmq_stopped_requests_are_taken_at_once_and_sent_when_it_returns(
    tmp_path: Path, rabbitmq: RabbitMQ, smtp_server: SmtpServer
) -> None:
    with System(tmp_path, environ_of(rabbitmq.url, smtp_server)) as system:
        system.sendmail("before@example.com")
        smtp_server.wait_for(1)
        rabbitmq.stop()
        took = []
        for recipient in tokens(50):
            began = time.monotonic()
            assert system.sendmail(recipient).status == 202
            took.append(time.monotonic() - began)
            assert ask(system.address, "GET", "/?talktome").status == 200
        assert sorted(took)[len(took) // 2] < 0.05
        assert max(took) < 0.5  # one slow one is the machine's, not RabbitMQ's
        assert ask(system.internal, "GET", "/readyz").status == 503
        rabbitmq.start()
        smtp_server.wait_for(51, within_s=60)
        until(lambda: ask(system.internal, "GET", "/readyz").status == 200)
    assert received_by(smtp_server) == Counter(["before@example.com", *tokens(50)])


def test_workers_told_to_stop_finish_or_give_back_what_they_have(
    tmp_path: Path, broker_url: str, smtp_server: SmtpServer
) -> None:
    recipients = tokens(300)
    with System(tmp_path, environ_of(broker_url, smtp_server)) as system:
        answers = system.send_all(recipients)
        smtp_server.wait_for(20)
        began = time.monotonic()
        assert system.workers.stop() == 0
        assert time.monotonic() - began < 15
        system.start_workers()
        until(lambda: all(system.status(answer.headers["Location"])["final"] for answer in answers), within_s=60)
    assert received_by(smtp_server) == Counter(recipients)


def test_killed_workers_lose_nothing_and_double_at_most_what_they_had_in_hand(
    tmp_path: Path, broker_url: str, smtp_server: SmtpServer
) -> None:
    recipients = tokens(300)
    with System(tmp_path, {**environ_of(broker_url, smtp_server), "LEASE": "2s"}) as system:
        answers = system.send_all(recipients)
        smtp_server.wait_for(20)
        system.workers.kill()
        system.start_workers()
        until(lambda: all(system.status(answer.headers["Location"])["final"] for answer in answers), within_s=60)
    received = received_by(smtp_server)
    assert set(received) == set(recipients)
    assert received.total() - len(recipients) <= 16
