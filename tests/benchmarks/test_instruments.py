"""What the benchmark measures with: the relay that is late, and the outbox that is full."""

import smtplib
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from benchmarks.clocked_relay import ClockedRelay
from benchmarks.measurements.full_outbox import multiply
from messaging.outbox.ids import is_id
from messaging.outbox.states import State
from tests.fixtures.service import MakeService, make_service

__all__ = ["make_service"]

_DELAY_MS = 50
_SENDER = "me@example.org"


def test_a_mail_on_a_connection_of_its_own_waits_for_seven_answers(tmp_path: Path) -> None:
    with ClockedRelay(tmp_path, _DELAY_MS) as relay:
        began = time.monotonic()
        with smtplib.SMTP(relay.address, local_hostname="here") as smtp:
            assert smtp.sendmail(_SENDER, ["you@example.org"], "Subject: A\r\n\r\n.dot\r\n") == {}
            assert smtp.has_extn("pipelining")
        took_s = time.monotonic() - began
        assert 7 * _DELAY_MS / 1000 <= took_s < 14 * _DELAY_MS / 1000
        (came_at,) = (relay.arrivals()["you@example.org"],)
        assert began + 5 * _DELAY_MS / 1000 <= came_at / 1e9 <= began + took_s


def test_commands_that_come_together_are_answered_together(tmp_path: Path) -> None:
    with ClockedRelay(tmp_path, _DELAY_MS) as relay:
        host, _, port = relay.address.rpartition(":")
        with socket.create_connection((host, int(port))) as connection, connection.makefile("rb") as answers:
            assert answers.readline().startswith(b"220 ")
            began = time.monotonic()
            connection.sendall(f"MAIL FROM:<{_SENDER}>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n".encode())
            assert [answers.readline()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
            assert time.monotonic() - began < 2 * _DELAY_MS / 1000
            connection.sendall(b"Subject: A\r\n\r\nText\r\n")
            connection.sendall(b".\r")
            connection.sendall(b"\nQUIT\r\n")
            assert [answers.readline()[:3] for _ in range(2)] == [b"250", b"221"]
            assert answers.read() == b""
        assert list(relay.arrivals()) == ["b@example.org"]


def test_a_full_outbox_holds_mails_as_the_service_would_have_left_them(make_service: MakeService) -> None:
    service = make_service()
    mail_id = service.public.get("/?sendmail=me@example.com").id
    service.bring_into(mail_id, State.SENT)
    service.database.close()
    with closing(sqlite3.connect(service.database_path, isolation_level=None)) as connection:
        multiply(connection, 200)
    mails = service.mails
    assert len(mails) == 201
    assert mails[0].id == mail_id, "what comes now is newer than all that is there"
    assert {mail.state for mail in mails} == {State.SENT}
    assert all(is_id(mail.id) and len(service.outbox.attempts(mail.id)) == 1 for mail in mails)
