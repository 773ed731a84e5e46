"""What comes before a mail's content goes out in one write where the relay offers that; every answer is still read."""

import time
from collections.abc import Iterator, Mapping

import pytest

from tests.fixtures.waiting import until
from tests.servers.script import Action, Conversation, Delay, Dribble, Drop, Hold, Script, Silence, Stage
from tests.servers.smtp import SmtpServer
from tests.workers.transports.relays import numbered, transport_to
from workers.composing import Composed
from workers.errors import BusyError, DeliveryError, RefusedError
from workers.transports import smtp as module
from workers.transports import smtp_connection as connection_module

pytestmark = pytest.mark.slow

_MAIL = ["MAIL", "RCPT", "DATA"]


@pytest.fixture
def relay() -> Iterator[SmtpServer]:
    """It offers PIPELINING."""
    with SmtpServer() as server:
        yield server


def contents(server: SmtpServer) -> list[bytes]:
    return [received.content for received in server.accepted]


def said(server: SmtpServer) -> list[list[str]]:
    return [conversation.commands() for conversation in server.conversations]


def at_second_mail(script: Mapping[Stage, Action]) -> Script:
    """The relay follows the script where a connection is used again, and is well otherwise."""

    def act(at: Stage, _argument: str, talk: Conversation) -> Action | None:
        return script.get(at) if talk.commands().count("MAIL") == 2 else None

    return act


# What goes out together.


def test_a_kept_connection_has_it_in_one_write_and_a_fresh_one_waits_for_the_first_answer(relay: SmtpServer) -> None:
    with transport_to(relay.url) as transport:
        for number in range(3):
            assert transport.deliver(numbered(number)).code == 250
    (conversation,) = relay.conversations
    assert conversation.ahead == ["RCPT", *["MAIL", "RCPT"] * 2]
    assert conversation.commands()[:10] == ["EHLO", *_MAIL * 3]  # and nothing between two mails
    assert contents(relay) == [numbered(number).content for number in range(3)]


@pytest.mark.parametrize(
    "hello",
    [
        {"EHLO": "502 5.5.1 What is EHLO?"},
        {"EHLO": "250-relay.test\n250 PIPELININGS"},
        {"EHLO": "250 relay.test PIPELINING"},
    ],
)
def test_where_it_is_not_offered_each_command_waits_for_the_answer_to_the_last(
    relay: SmtpServer, hello: dict[Stage, Action]
) -> None:
    relay.follow({**hello, "MAIL": Delay(0.05), "RCPT": Delay(0.05), "DATA": Delay(0.05)})
    with transport_to(relay.url) as transport:
        for number in range(2):
            transport.deliver(numbered(number))
    assert relay.conversations[0].ahead == []
    assert len(relay.accepted) == 2


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("in_the_clear", "secured", "ahead"), [("SIZE 1", "PIPELINING", ["RCPT"]), ("PIPELINING", "SIZE 1", [])]
)
def test_what_was_offered_in_the_clear_does_not_count(in_the_clear: str, secured: str, ahead: list[str]) -> None:
    hellos = [f"250-relay.test\n250-{in_the_clear}\n250 STARTTLS", f"250-relay.test\n250 {secured}"]
    with SmtpServer({"EHLO": hellos}, tls="starttls") as server, transport_to(server.url) as transport:
        assert transport.deliver(numbered(0)).code == 250
        assert server.conversations[0].ahead == ahead


def test_an_address_with_a_line_of_its_own_is_not_said(relay: SmtpServer) -> None:
    with transport_to(relay.url) as transport:
        for address in ("b@example.com>\r\nRCPT TO:<c@example.com", "b@example.com\0", "bö@example.com"):
            with pytest.raises(ValueError, match="character"):
                transport.deliver(Composed("a@example.org", address, b"Subject: hi\r\n\r\n"))
        until(lambda: not any(conversation.open for conversation in relay.conversations))
        assert said(relay) == [["EHLO", "QUIT"]] * 3
        assert transport.deliver(numbered(0)).code == 250


# Every answer is read, however it travels.


@pytest.mark.parametrize(
    "answers",
    [
        {"MAIL": Hold("250-2.1.0 Sender\n250 2.1.0 Ok"), "RCPT": Hold("250-2.1.5 Well\n250-2.1.5 known\n250 2.1.5 Ok")},
        {"MAIL": Dribble("250-2.1.0 Sender\n250 2.1.0 Ok", 0.001), "DATA": Dribble("354-Go\n354 on", 0.001)},
        {"MAIL": Hold("250 2.1.0 Ok"), "RCPT": Dribble("251 2.1.5 Forwarded", 0.001)},
        {"MAIL": Delay(0.05, Hold("250 2.1.0 Ok")), "RCPT": Delay(0.05), "DATA": Hold("354 Go on")},
        {"MAIL": "250 " + "x" * 500, "RCPT": Hold("250-" + "y" * 500 + "\n250 z"), "END": "250-2.0.0 Ok\n250 queued"},
    ],
)
def test_answers_may_be_split_and_come_together(relay: SmtpServer, answers: dict[Stage, Action]) -> None:
    relay.follow(answers)
    with transport_to(relay.url) as transport:
        for number in range(4):
            assert transport.deliver(numbered(number)).reply in ("2.0.0 Ok: queued", "2.0.0 Ok queued")
    assert contents(relay) == [numbered(number).content for number in range(4)]
    assert len(relay.conversations) == 1


def test_each_answer_has_a_time_of_its_own(relay: SmtpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "ANSWER_TIMEOUT_S", 0.4)
    with transport_to(relay.url) as transport:
        transport.deliver(numbered(0))
        relay.follow({"MAIL": Delay(0.2), "RCPT": Delay(0.2), "DATA": Delay(0.2)})
        assert transport.deliver(numbered(1)).code == 250
    assert len(relay.conversations) == 1


@pytest.mark.parametrize("stage", _MAIL)
def test_a_kept_connection_that_falls_silent_is_replaced(
    relay: SmtpServer, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "ANSWER_TIMEOUT_S", 0.2)
    relay.follow(at_second_mail({stage: Silence()}))
    began = time.monotonic()
    with transport_to(relay.url) as transport:
        for number in range(2):
            assert transport.deliver(numbered(number)).code == 250
    assert 0.2 <= time.monotonic() - began < 5
    assert len(relay.conversations) == 2
    assert contents(relay) == [numbered(number).content for number in range(2)]


def test_a_relay_that_answers_a_byte_now_and_then_is_cut_in_time(relay: SmtpServer) -> None:
    dribble = Dribble("250-" + "x" * 400, 0.02)
    with transport_to(relay.url, conversation_timeout_s=0.3) as transport:
        transport.deliver(numbered(0))
        relay.follow({"RCPT": dribble})
        began = time.monotonic()
        # Once on the kept connection, where it may be that, and once on a fresh one.
        with pytest.raises(BusyError, match="no answer to RCPT") as raised:
            transport.deliver(numbered(1))
    assert 0.6 <= time.monotonic() - began < 5
    assert raised.value.connect_ms >= 290
    assert raised.value.transfer_ms >= 290
    assert len(relay.conversations) == 2


# Whose fault it is.


@pytest.mark.parametrize("kept", [False, True])
def test_a_relay_that_crashes_over_a_recipient_and_takes_its_answers_along_cannot_hold_up_the_other_mails(
    relay: SmtpServer, kept: bool
) -> None:
    # The mail is charged: to RelayError all mails would wait, and this one would be tried again for ever.
    with transport_to(relay.url) as transport:
        if kept:
            transport.deliver(numbered(0))
        relay.follow({"MAIL": Hold("250 2.1.0 Ok"), "RCPT": Drop()})
        with pytest.raises(BusyError, match="no answer to RCPT"):
            transport.deliver(numbered(1))
    assert len(relay.conversations) == 1 + kept


@pytest.mark.parametrize(
    ("script", "kind", "code"),
    [
        ({"MAIL": "450 4.1.8 Later", "RCPT": "550 5.1.1 Never", "DATA": "503 5.5.1 No"}, DeliveryError, 450),
        ({"RCPT": "550 5.1.1 Never", "DATA": "451 4.3.0 Later"}, RefusedError, 550),
        ({"RCPT": "450 4.7.1 Greylisted", "DATA": "554 5.5.1 No valid recipients"}, BusyError, 450),
    ],
)
def test_the_first_no_is_the_one_that_counts(
    relay: SmtpServer, script: dict[Stage, Action], kind: type[DeliveryError], code: int
) -> None:
    with transport_to(relay.url) as transport:
        transport.deliver(numbered(0))
        relay.follow(script)
        with pytest.raises(kind) as raised:
            transport.deliver(numbered(1))
        assert raised.value.code == code
        relay.follow({})
        assert transport.deliver(numbered(2)).code == 250
    assert [commands[:11] for commands in said(relay)] == [["EHLO", *_MAIL * 2, "RSET", *_MAIL]]


# After a no.


@pytest.mark.parametrize(
    "refusal",
    [
        {"RCPT": "550 5.1.1 Never"},
        {"MAIL": "450 4.1.8 Later", "RCPT": "503 5.5.1 No"},
        {"MAIL": "450 4.1.8 Later"},
        {"RCPT": Hold("550 5.1.1 Never")},
    ],
)
def test_nothing_is_handed_over_to_a_relay_that_would_take_it_all_the_same(
    relay: SmtpServer, refusal: dict[Stage, Action]
) -> None:
    with transport_to(relay.url) as transport:
        transport.deliver(numbered(0))
        relay.follow(at_second_mail({"RCPT": "250 2.1.5 Ok", **refusal, "DATA": "354 Go on"}))
        began = time.monotonic()
        with pytest.raises(DeliveryError) as raised:
            transport.deliver(numbered(1))
        # A RSET would be a line of the mail that it waits for, and have no answer.
        assert time.monotonic() - began < 5
        assert raised.value.code in (450, 550)
        # It waits for a mail: what is said now would be one, so the next mail has a connection of its own.
        assert transport.deliver(numbered(2)).code == 250
        until(lambda: not relay.conversations[0].open)
    assert [received.content for received in relay.mails] == [numbered(0).content, numbered(2).content]
    assert said(relay)[0] == ["EHLO", *_MAIL * 2]


def test_what_the_relay_still_has_to_say_after_its_no_is_not_waited_for_long(
    relay: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_TIMEOUT_S", 0.3)
    with transport_to(relay.url) as transport:
        transport.deliver(numbered(0))
        relay.follow(at_second_mail({"RCPT": "550 5.1.1 Never", "DATA": Silence()}))
        began = time.monotonic()
        with pytest.raises(RefusedError) as raised:
            transport.deliver(numbered(1))
        assert 0.3 <= time.monotonic() - began < 5
        assert raised.value.transfer_ms < 290  # its no came at once
        assert transport.deliver(numbered(2)).code == 250
    assert len(relay.conversations) == 2


@pytest.mark.parametrize("answer", ["hello there", "199 What?", "334 Go on", "700 More"])
@pytest.mark.parametrize("stage", _MAIL)
def test_after_an_answer_that_is_none_the_connection_is_of_no_more_use(
    relay: SmtpServer, stage: Stage, answer: str
) -> None:
    with transport_to(relay.url) as transport:
        transport.deliver(numbered(0))
        relay.follow(at_second_mail({stage: answer}))
        with pytest.raises(DeliveryError):
            transport.deliver(numbered(1))
        assert transport.deliver(numbered(2)).code == 250
    assert len(relay.conversations) == 2
    assert contents(relay) == [numbered(0).content, numbered(2).content]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT"])
def test_an_answer_too_many_is_taken_for_no_other(relay: SmtpServer, stage: Stage) -> None:
    with transport_to(relay.url) as transport:
        transport.deliver(numbered(0))
        relay.follow(at_second_mail({stage: "250 2.0.0 Ok\n250 2.0.0 Ok"}))
        with pytest.raises(BusyError):
            transport.deliver(numbered(1))
        assert transport.deliver(numbered(2)).code == 250
    assert [received.content for received in relay.mails] == [numbered(0).content, numbered(2).content]
