"""A relay that takes no more connections than some gets all mails by these, and is not taken for one that is away."""

import threading
import time
from collections.abc import Callable
from typing import cast

import pytest

from config.relay import SmtpRelay, parse_relay
from tests.fixtures.threads import all_at_once
from tests.fixtures.waiting import until
from tests.servers.room import FULL, Room
from tests.servers.script import Delay
from tests.servers.smtp import SmtpServer
from tests.workers.transports.relays import numbered
from workers.composing import Composed
from workers.errors import CrowdedError, NotTriedError, RelayError
from workers.transports import smtp as module
from workers.transports.smtp import SmtpTransport

pytestmark = pytest.mark.slow


def transport_to(
    server: SmtpServer, takes_mails: Callable[[], bool] = lambda: False, timeout_s: float = 20.0
) -> SmtpTransport:
    return SmtpTransport(cast("SmtpRelay", parse_relay(server.url)), timeout_s, takes_mails)


@pytest.fixture(autouse=True)
def sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_AGAIN_S", 0.05)
    monkeypatch.setattr(module, "_SHARED_FAILURE_S", 0.02)


def test_all_mails_go_by_the_connections_that_there_are(plain: SmtpServer) -> None:
    room = Room(3, at_the_end=Delay(0.02))
    plain.follow(room)
    transport = transport_to(plain)
    sent = all_at_once(lambda first: [transport.deliver(numbered(first + n)) for n in range(5)], range(0, 80, 10))
    assert sum(len(results.result()) for results in sent) == len(plain.accepted) == 40
    assert room.most_at_once <= 3
    # Nobody goes on knocking.
    assert room.refused <= 8
    transport.close()


def test_who_has_waited_the_longest_is_next(plain: SmtpServer) -> None:
    plain.follow(Room(1, at_the_end=Delay(0.02)))
    transport = transport_to(plain)
    transport.deliver(numbered(0))
    busy = threading.Thread(target=lambda: [transport.deliver(numbered(n)) for n in range(1, 60)])
    busy.start()
    until(lambda: len(plain.accepted) > 3)
    before = len(plain.accepted)
    transport.deliver(numbered(99))
    assert len(plain.accepted) < before + 20
    busy.join()
    transport.close()


def test_where_the_last_connection_ends_another_one_is_opened(
    plain: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_MAILS", 2)
    monkeypatch.setattr(module, "_FULL_FOR_S", 0.2)
    plain.follow(Room(1, at_the_end=Delay(0.02)))
    transport = transport_to(plain, lambda: True)
    sent = all_at_once(lambda number: transport.deliver(numbered(number)), range(8))
    assert [result.result().code for result in sent] == [250] * 8
    transport.close()


def test_a_process_without_a_connection_waits_for_room_while_others_send(plain: SmtpServer, mail: Composed) -> None:
    room = Room(0)
    plain.follow(room)
    transport = transport_to(plain, lambda: True)
    more_room = threading.Timer(0.3, setattr, (room, "most", 1))
    more_room.start()
    assert transport.deliver(mail).code == 250
    more_room.join()
    transport.close()


def test_a_relay_that_takes_nobody_s_mail_is_away(plain: SmtpServer, mail: Composed) -> None:
    plain.follow(Room(0))
    transport = transport_to(plain)
    with pytest.raises(RelayError, match="Too many connections"):
        transport.deliver(mail)
    # Others may be about to hand over their first mails.
    assert len(plain.conversations) == 2


def test_one_that_has_room_a_moment_later_is_not_away(plain: SmtpServer, mail: Composed) -> None:
    plain.follow({"GREETING": [FULL, None]})
    transport = transport_to(plain)
    assert transport.deliver(mail).code == 250
    transport.close()


@pytest.mark.parametrize("answer", ["554 5.7.1 Blocked", "454 4.7.0 Too many login attempts"])
def test_one_that_does_not_want_us_is_not_full(plain: SmtpServer, mail: Composed, answer: str) -> None:
    plain.follow(Room(0, answer))
    with pytest.raises(RelayError):
        transport_to(plain, lambda: True).deliver(mail)
    assert len(plain.conversations) == 1


def test_who_waits_in_vain_gives_the_mail_back(plain: SmtpServer, mail: Composed) -> None:
    plain.follow(Room(0))
    began = time.monotonic()
    with pytest.raises(CrowdedError, match="Too many connections"):
        transport_to(plain, lambda: True, timeout_s=0.3).deliver(mail)
    assert time.monotonic() - began < 2


def test_a_process_without_a_connection_gives_its_mail_back_soon(
    plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those that have all the connections may keep them, idle, for long.
    monkeypatch.setattr(module, "_PATIENCE_S", 0.2)
    plain.follow(Room(0))
    began = time.monotonic()
    with pytest.raises(CrowdedError):
        transport_to(plain, lambda: True).deliver(mail)
    assert time.monotonic() - began < 2


def test_at_the_end_nobody_waits(plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_AGAIN_S", 10.0)
    plain.follow(Room(0))
    transport = transport_to(plain, lambda: True)
    giving_back = threading.Timer(0.2, transport.interrupt)
    giving_back.start()
    began = time.monotonic()
    with pytest.raises(NotTriedError):
        transport.deliver(mail)
    assert time.monotonic() - began < 2
    giving_back.join()
