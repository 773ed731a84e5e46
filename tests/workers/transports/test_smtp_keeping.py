"""Connections are kept for the next mail: not too long, never for two at once, and at nobody's cost when they end."""

import itertools
import re
import threading
import time
from collections.abc import Callable

import pytest

from tests.fixtures.threads import all_at_once
from tests.fixtures.waiting import until
from tests.servers.script import Action, Conversation, Delay, Drop, Script, Silence, Stage
from tests.servers.smtp import SmtpServer
from tests.workers.transports.relays import LOGIN, logging_in, transport_to
from workers.composing import Composed
from workers.errors import BusyError, DeliveryError, LeaseEndedError, RefusedError, RelayError
from workers.transports import smtp as module
from workers.transports.smtp import SmtpTransport

pytestmark = pytest.mark.slow

_MAIL = ["MAIL", "RCPT", "DATA"]


def said(server: SmtpServer) -> list[list[str]]:
    """The commands of each conversation."""
    return [conversation.commands() for conversation in server.conversations]


def at_second_mail(stage: Stage, action: Action) -> Script:
    """The relay does `action` where a connection is used again, and is well otherwise."""

    def script(at: Stage, _argument: str, talk: Conversation) -> Action | None:
        return action if at == stage and talk.commands().count("MAIL") == 2 else None

    return script


# A connection that is used again.


def test_the_next_mail_goes_by_the_same_connection(plain: SmtpServer, mail: Composed) -> None:
    plain.follow({"GREETING": Delay(0.2)})
    with transport_to(plain.url) as transport:
        first, *others = [transport.deliver(mail) for _ in range(5)]
    assert first.connect_ms >= 200
    assert all(receipt.connect_ms < 20 for receipt in others)
    until(lambda: said(plain) == [["EHLO", *_MAIL * 5, "QUIT"]])
    assert [received.content for received in plain.accepted] == [mail.content] * 5


def test_the_relay_gets_no_content_that_is_not_for_us_to_send(plain: SmtpServer, mail: Composed) -> None:
    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        with pytest.raises(LeaseEndedError):
            transport.deliver(mail, lambda: False)
        transport.deliver(mail, lambda: True)
    # No empty mail either, and nothing more on that connection.
    until(lambda: said(plain) == [["EHLO", *_MAIL * 2], ["EHLO", *_MAIL, "QUIT"]])
    assert [received.content for received in plain.accepted] == [mail.content] * 2


def test_it_is_asked_whether_a_mail_is_ours_when_the_relay_waits_for_its_content(
    plain: SmtpServer, mail: Composed
) -> None:
    asked: list[list[str]] = []

    def is_ours() -> bool:
        asked.extend(said(plain))
        return True

    with transport_to(plain.url) as transport:
        transport.deliver(mail, is_ours)
    assert asked == [["EHLO", *_MAIL]]


def test_a_connection_carries_so_many_mails_and_no_more(
    plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_MAILS", 3)
    with transport_to(plain.url) as transport:
        for _ in range(7):
            transport.deliver(mail)
    until(lambda: said(plain) == [["EHLO", *_MAIL * count, "QUIT"] for count in (3, 3, 1)])


def test_refused_mails_count(plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MAILS", 2)
    plain.follow({"RCPT": "550 5.1.1 No such user"})
    with transport_to(plain.url) as transport:
        for _ in range(4):
            with pytest.raises(RefusedError):
                transport.deliver(mail)
    assert len(plain.conversations) == 2


def test_a_connection_is_used_for_so_long_and_no_longer(
    plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_AGE_S", 0.3)
    monkeypatch.setattr(module, "MOST_MAILS", 10**9)
    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        ends = time.monotonic() + 0.3
        while time.monotonic() < ends:
            transport.deliver(mail)
        transport.deliver(mail)
    assert 2 <= len(plain.conversations) <= 3
    assert said(plain)[0].count("MAIL") > 1


def test_a_connection_that_did_not_lie_idle_is_not_asked(plain: SmtpServer, mail: Composed) -> None:
    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        transport.deliver(mail)
        assert said(plain) == [["EHLO", *_MAIL * 2]]


def test_one_that_lay_idle_is_asked_first(plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_IDLE_S", 0.1)
    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        time.sleep(0.11)
        transport.deliver(mail)
        assert said(plain) == [["EHLO", *_MAIL, "RSET", *_MAIL]]


@pytest.mark.parametrize("answer", ["421 4.3.2 Closing", "500 5.5.1 What?", Drop()])
def test_one_that_says_no_is_replaced(
    plain: SmtpServer, mail: Composed, answer: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_IDLE_S", 0.0)
    plain.follow({"RSET": answer})
    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        transport.deliver(mail)
    assert len(plain.accepted) == len(plain.conversations) == 2


def test_one_that_says_nothing_is_replaced_soon(
    plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_IDLE_S", 0.0)
    monkeypatch.setattr(module, "CONNECT_TIMEOUT_S", 0.2)
    plain.follow({"RSET": Silence()})
    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        began = time.monotonic()
        transport.deliver(mail)
        assert 0.2 <= time.monotonic() - began < 5
    assert len(plain.accepted) == len(plain.conversations) == 2


def test_the_question_is_cut_with_all_else(plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECK_IDLE_S", 0.0)
    plain.follow({"RSET": Silence()})
    errors: list[DeliveryError] = []

    def talk() -> None:
        try:
            transport.deliver(mail)
        except DeliveryError as error:
            errors.append(error)

    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        thread = threading.Thread(target=talk)
        thread.start()
        until(lambda: said(plain)[0][-1] == "RSET")
        transport.abort()
        thread.join(5)
        assert not thread.is_alive()
    assert [error.code for error in errors] == [None]
    assert len(plain.mails) == 1


# A connection that is let go.


def test_what_lies_idle_for_long_is_closed(plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        transport.tidy()
        assert plain.conversations[0].open
        monkeypatch.setattr(module, "CLOSE_IDLE_S", 0.0)
        transport.tidy()
        until(lambda: not plain.conversations[0].open)
        assert said(plain) == [["EHLO", *_MAIL, "QUIT"]]
        transport.deliver(mail)
    assert len(plain.conversations) == 2


def test_refusals_are_use_too(plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_IDLE_S", 0.5)
    monkeypatch.setattr(module, "MOST_MAILS", 10**9)
    plain.follow({"RCPT": "550 5.1.1 No such user"})
    ends = time.monotonic() + 1.0
    with transport_to(plain.url) as transport:
        while time.monotonic() < ends:
            with pytest.raises(RefusedError):
                transport.deliver(mail)
            transport.tidy()
    assert len(plain.conversations) == 1


def test_all_are_closed_at_the_end(plain: SmtpServer, mail: Composed) -> None:
    plain.follow({"END": Delay(0.1)})
    with transport_to(plain.url) as transport:
        all_at_once(lambda _: transport.deliver(mail), range(4))
        assert len(plain.conversations) == 4
        assert all(conversation.open for conversation in plain.conversations)
    until(lambda: not any(conversation.open for conversation in plain.conversations))
    assert [commands[-1] for commands in said(plain)] == ["QUIT"] * 4


def test_what_was_used_last_is_used_next_and_the_others_may_go(plain: SmtpServer, mail: Composed) -> None:
    plain.follow({"END": Delay(0.1)})
    with transport_to(plain.url) as transport:
        all_at_once(lambda _: transport.deliver(mail), range(3))
        plain.follow({})
        for _ in range(5):
            transport.deliver(mail)
        assert sorted(commands.count("MAIL") for commands in said(plain)) == [1, 1, 6]


# A connection that ends when it is used again.


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("how", ["421 4.3.2 Closing", Drop()])
def test_one_that_ends_is_replaced_at_nobodys_cost(
    plain: SmtpServer, mail: Composed, stage: Stage, how: Action
) -> None:
    plain.follow(at_second_mail(stage, how))
    with transport_to(plain.url) as transport:
        for _ in range(2):
            assert transport.deliver(mail).code == 250
    assert len(plain.conversations) == 2
    assert [received.content for received in plain.mails] == [mail.content] * 2


def test_a_421_to_the_whole_mail_is_no_yes_and_it_goes_by_another(plain: SmtpServer, mail: Composed) -> None:
    plain.follow(at_second_mail("END", "421 4.3.2 Closing"))
    with transport_to(plain.url) as transport:
        for _ in range(2):
            assert transport.deliver(mail).code == 250
    assert len(plain.conversations) == len(plain.accepted) == 2


def test_one_that_was_closed_meanwhile_is_replaced_too(plain: SmtpServer, mail: Composed) -> None:
    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        plain.stop()
        plain.start()
        assert transport.deliver(mail).code == 250
    assert len(plain.conversations) == len(plain.mails) == 2


@pytest.mark.parametrize(
    ("answer", "kind"), [("421 4.3.2 Closing", RelayError), (Drop(), RelayError), ("450 4.7.1 No", RelayError)]
)
def test_it_is_replaced_once(plain: SmtpServer, mail: Composed, answer: Action, kind: type[DeliveryError]) -> None:
    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        plain.follow({"MAIL": ["421 4.3.2 Closing", answer]})
        with pytest.raises(kind):
            transport.deliver(mail)
    assert len(plain.conversations) == 2
    assert len(plain.mails) == 1


def test_a_fresh_one_that_ends_is_not_replaced(plain: SmtpServer, mail: Composed) -> None:
    plain.follow({"RCPT": Drop()})
    with transport_to(plain.url) as transport, pytest.raises(BusyError):
        transport.deliver(mail)
    assert len(plain.conversations) == 1


@pytest.mark.parametrize("how", [Drop(), Delay(0.1, Drop())])
def test_a_mail_that_the_relay_may_have_is_not_handed_over_again(
    plain: SmtpServer, mail: Composed, how: Action
) -> None:
    plain.follow(at_second_mail("END", how))
    with transport_to(plain.url) as transport:
        transport.deliver(mail)
        with pytest.raises(BusyError, match="may have it"):
            transport.deliver(mail)
        assert len(plain.mails) == 2
        assert len(plain.conversations) == 1
        # What comes next has a connection of its own.
        assert transport.deliver(mail).code == 250
    assert len(plain.conversations) == 2


@pytest.mark.parametrize(
    ("stage", "answer", "kind"),
    [
        ("RCPT", "550 5.1.1 No such user", RefusedError),
        ("RCPT", "450 4.7.1 Greylisted", BusyError),
        ("DATA", "451 4.3.0 Later", BusyError),
        ("END", "554 5.7.1 Spam", RefusedError),
        ("END", "452 4.3.1 Full", BusyError),
        ("MAIL", "450 4.7.1 Slow down", RelayError),
    ],
)
def test_after_a_no_the_connection_is_reset_and_kept(
    plain: SmtpServer, mail: Composed, stage: Stage, answer: str, kind: type[DeliveryError]
) -> None:
    plain.follow({stage: [answer]})
    with transport_to(plain.url) as transport:
        with pytest.raises(kind) as raised:
            transport.deliver(mail)
        assert raised.value.code == int(answer[:3])
        assert transport.deliver(mail).connect_ms < 20
    upto = _MAIL[: _MAIL.index(stage) + 1] if stage in _MAIL else _MAIL
    if plain.pipelining and stage == "RCPT":
        upto = _MAIL  # DATA was on its way
    until(lambda: said(plain) == [["EHLO", *upto, "RSET", *_MAIL, "QUIT"]])


def test_after_a_no_that_cannot_be_reset_the_next_has_a_fresh_one(plain: SmtpServer, mail: Composed) -> None:
    plain.follow({"RCPT": ["550 5.1.1 No such user"], "RSET": "503 5.5.1 What?"})
    with transport_to(plain.url) as transport:
        with pytest.raises(RefusedError):
            transport.deliver(mail)
        transport.deliver(mail)
    assert len(plain.conversations) == 2


# Many threads.


def test_no_two_threads_have_one_connection_at_the_same_time(plain: SmtpServer) -> None:
    plain.follow({"MAIL": Delay(0.001), "END": Delay(0.002)})
    numbers = itertools.count()

    def send_some(transport: SmtpTransport) -> None:
        for _ in range(20):
            recipient = f"t{next(numbers):04}@example.com"
            content = f"Subject: {recipient}\r\n\r\nText\r\n".encode()
            transport.deliver(Composed("a@example.org", recipient, content))

    with transport_to(plain.url) as transport:
        for future in all_at_once(lambda _: send_some(transport), range(8)):
            future.result()
    assert sorted(received.recipients[0] for received in plain.accepted) == [f"t{n:04}@example.com" for n in range(160)]
    assert all(received.recipients[0].encode() in received.content for received in plain.accepted)
    assert len(plain.conversations) <= 8
    until(lambda: not any(conversation.open for conversation in plain.conversations))
    for commands in said(plain):
        assert re.fullmatch("EHLO (MAIL RCPT DATA )+QUIT ", "".join(f"{command} " for command in commands))


def count(server: SmtpServer, verb: str) -> int:
    return sum(commands.count(verb) for commands in said(server))


def errors_of(transport: SmtpTransport, mail: Composed, threads: int) -> list[BaseException | None]:
    return [future.exception() for future in all_at_once(lambda _: transport.deliver(mail), range(threads))]


@pytest.mark.usefixtures("trusted")
def test_a_wrong_password_is_tried_once_and_not_in_every_thread(mail: Composed) -> None:
    with SmtpServer(tls="starttls", login=LOGIN) as server, logging_in(server, (LOGIN[0], "hunter2")) as transport:
        errors = errors_of(transport, mail, 8)
        assert [(type(error), getattr(error, "code", None)) for error in errors] == [(RelayError, 535)] * 8
        assert count(server, "AUTH") == 1


@pytest.mark.usefixtures("trusted")
def test_it_is_tried_again_later(mail: Composed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SHARED_FAILURE_S", 0.1)
    with SmtpServer(tls="starttls", login=LOGIN) as server, logging_in(server, LOGIN) as transport:
        server.follow({"AUTH": ["535 5.7.8 Not now"]})
        errors_of(transport, mail, 4)
        assert count(server, "AUTH") == 1
        time.sleep(0.1)
        assert transport.deliver(mail).code == 250


def test_a_relay_that_is_away_is_knocked_at_once_and_not_in_every_thread(plain: SmtpServer, mail: Composed) -> None:
    plain.follow({"GREETING": Delay(0.2, "554 5.3.2 No service")})
    with transport_to(plain.url) as transport:
        errors = errors_of(transport, mail, 8)
    assert [(type(error), getattr(error, "code", None)) for error in errors] == [(RelayError, 554)] * 8
    assert len({id(error) for error in errors}) == 8  # each can be given times of its own
    assert len(plain.conversations) == 1


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("answer", ["535 5.7.8 Bad credentials", "454 4.7.0 Try later", "504 5.5.4 Not this one"])
def test_one_way_to_log_in_is_tried_and_no_other(mail: Composed, answer: str) -> None:
    with SmtpServer(tls="starttls", login=LOGIN) as server, logging_in(server) as transport:
        server.follow({"AUTH": answer})
        with pytest.raises(RelayError) as raised:
            transport.deliver(mail)
        assert raised.value.code == int(answer[:3])
        (conversation,) = server.conversations
        assert [line for line in conversation.lines if line.startswith("C: AUTH")] == [conversation.lines[-2]]
        assert conversation.lines[-2].startswith("C: AUTH PLAIN")


@pytest.mark.usefixtures("trusted")
def test_a_fresh_connection_is_secured_and_logged_in_as_the_first_was(mail: Composed) -> None:
    with SmtpServer(at_second_mail("MAIL", "421 4.3.2 Closing"), tls="starttls", login=LOGIN) as server:
        with logging_in(server) as transport:
            for _ in range(2):
                transport.deliver(mail)
        prelude = ["EHLO", "STARTTLS", "EHLO", "AUTH"]
        until(lambda: said(server)[1] == [*prelude, *_MAIL, "QUIT"])
        assert said(server)[0][: len(prelude) + 4] == [*prelude, *_MAIL, "MAIL"]
        assert [conversation.login for conversation in server.conversations] == [LOGIN[0]] * 2


@pytest.mark.parametrize("what", [SmtpTransport.tidy, SmtpTransport.close, SmtpTransport.abort])
def test_what_was_never_used_can_be_let_go(plain: SmtpServer, what: Callable[[SmtpTransport], None]) -> None:
    with transport_to(plain.url) as transport:
        what(transport)
    assert plain.conversations == []
