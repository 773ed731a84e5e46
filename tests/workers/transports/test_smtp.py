"""Mails are handed to a real, scripted SMTP server: whatever it does is the right kind of error, or a receipt."""

import threading
import time
from collections.abc import Callable

import pytest

from tests.fixtures.waiting import until
from tests.servers.certificates import authority
from tests.servers.script import Action, Delay, Dribble, Drop, Script, Silence, Stage
from tests.servers.smtp import SmtpServer
from tests.workers.transports.relays import LOGIN, logging_in, transport_to
from workers.composing import Composed
from workers.errors import BusyError, DeliveryError, RefusedError, RelayError
from workers.transports import smtp as smtp_module
from workers.transports import smtp_connection as connection_module
from workers.transports import smtp_opening as opening_module
from workers.transports.transport import Receipt

pytestmark = pytest.mark.slow


def deliver(server: SmtpServer, mail: Composed, script: Script | None = None) -> Receipt:
    """Deliver a mail to a server that follows the script, and hang up."""
    server.follow(script or {})
    with transport_to(server.url) as transport:
        return transport.deliver(mail)


def failure(server: SmtpServer, mail: Composed, script: Script | None = None) -> DeliveryError:
    """The error that delivering ends in."""
    with pytest.raises(DeliveryError) as raised:
        deliver(server, mail, script)
    assert raised.value.reply.isprintable()
    return raised.value


def said(server: SmtpServer) -> list[str]:
    """The commands of the last conversation."""
    return server.conversations[-1].commands()


# A mail that is taken.


def test_the_mail_arrives_as_it_was_composed(plain: SmtpServer, mail: Composed) -> None:
    receipt = deliver(plain, mail)
    (received,) = plain.accepted
    assert received.content == mail.content
    assert (received.sender, received.recipients) == ("messaging@localhost", ("me+tag@example.com",))
    assert (receipt.code, receipt.reply) == (250, "2.0.0 Ok: queued")
    until(lambda: said(plain) == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"])


def test_the_envelope_is_ours_whatever_the_header_says(plain: SmtpServer) -> None:
    content = b"From: other@example.org\r\nTo: victim@example.net\r\nBcc: another@example.net\r\n\r\nText\r\n"
    deliver(plain, Composed("a@example.org", "b@example.com", content))
    (received,) = plain.accepted
    assert (received.sender, received.recipients) == ("a@example.org", ("b@example.com",))


@pytest.mark.parametrize(
    "text",
    [
        ".\r\n",
        "..\r\n...\r\n",
        "a\r\n.\r\nb\r\n",
        ".hidden\r\n a.b.\r\n",
        "MAIL FROM:<x@example.org>\r\n.\r\nMAIL FROM:<y@example.org>\r\nRCPT TO:<z@example.org>\r\nDATA\r\n",
        "",
        "\r\n\r\n",
        "x" * 900 + "\r\n",
        "line\r\n" * 20_000,
    ],
)
def test_dots_and_empty_lines_arrive_as_they_are(plain: SmtpServer, text: str) -> None:
    mail = Composed("a@example.org", "b@example.com", b"Subject: dots\r\n\r\n" + text.encode())
    deliver(plain, mail)
    assert [received.content for received in plain.mails] == [mail.content]


def test_a_dot_at_the_very_beginning_arrives_too(plain: SmtpServer) -> None:
    mail = Composed("a@example.org", "b@example.com", b".Subject: dots\r\n\r\n.\r\n")
    deliver(plain, mail)
    assert [received.content for received in plain.mails] == [mail.content]


def test_a_recipient_that_is_forwarded_is_taken(plain: SmtpServer, mail: Composed) -> None:
    receipt = deliver(plain, mail, {"RCPT": "251 2.1.5 User not local; will forward"})
    assert receipt.code == 250


def test_the_receipt_tells_how_long_each_part_took(plain: SmtpServer, mail: Composed) -> None:
    receipt = deliver(plain, mail, {"GREETING": Delay(0.1), "END": Delay(0.2)})
    assert 100 <= receipt.connect_ms < 10_000
    assert 200 <= receipt.transfer_ms < 10_000


def test_answers_of_several_lines_are_one_printable_line(plain: SmtpServer, mail: Composed) -> None:
    answers: Script = {
        "GREETING": "220-Welcome\n220-to the\n220 relay",
        "MAIL": "250-2.1.0 Sender\n250 2.1.0 Ok",
        "RCPT": "250-2.1.5 Recipient\n250 2.1.5 Ok",
        "END": "250-2.0.0 Ok\n250-queued\n250 as 1A2B",
    }
    assert deliver(plain, mail, answers).reply == "2.0.0 Ok queued as 1A2B"


@pytest.mark.parametrize(
    "answer", ["421 4.3.2 closing", "500 5.5.1 what?", Drop(), Silence(), Dribble("221 2.0.0 Bye", 0.2)]
)
def test_what_is_answered_to_quit_does_not_matter(plain: SmtpServer, mail: Composed, answer: Action) -> None:
    began = time.monotonic()
    assert deliver(plain, mail, {"QUIT": answer}).code == 250
    assert time.monotonic() - began < 5
    assert len(plain.accepted) == 1


def test_many_threads_share_a_transport(plain: SmtpServer, mail: Composed) -> None:
    with transport_to(plain.url) as transport:
        threads = [threading.Thread(target=transport.deliver, args=(mail,)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(plain.accepted) == 16


# A mail that is not.

BUSY, REFUSED, RELAY = BusyError, RefusedError, RelayError


@pytest.mark.parametrize(
    ("stage", "answer", "kind"),
    [
        ("GREETING", "554 5.3.2 No service for you", RELAY),
        ("GREETING", "421 4.3.2 Too many connections", RELAY),
        ("MAIL", "450 4.7.1 Slow down", RELAY),
        ("MAIL", "550 5.7.1 Sender not allowed", RELAY),
        ("MAIL", "530 5.7.0 Authentication required", RELAY),
        ("MAIL", "421 4.3.2 Closing", RELAY),
        ("RCPT", "550 5.1.1 No such user", REFUSED),
        ("RCPT", "551 5.7.1 Not here", REFUSED),
        ("RCPT", "450 4.7.1 Greylisted", BUSY),
        ("RCPT", "451 4.3.0 Try later", BUSY),
        ("RCPT", "252 Cannot say", BUSY),
        ("RCPT", "421 4.3.2 Closing", BUSY),
        ("RCPT", "550 5.4.5 Daily limit", BUSY),
        ("RCPT", "552 Too many", BUSY),
        ("DATA", "451 4.3.0 Try later", BUSY),
        ("DATA", "554 5.5.1 No valid recipients", REFUSED),
        ("DATA", "421 4.3.2 Closing", BUSY),
        ("END", "451 4.3.0 Try later", BUSY),
        ("END", "452 4.2.2 Mailbox full", BUSY),
        ("END", "554 5.7.1 Spam", REFUSED),
        ("END", "552 5.3.4 Too large", REFUSED),
        ("END", "421 4.3.2 Closing", BUSY),
    ],
)
def test_every_answer_says_whose_fault_it_is(
    plain: SmtpServer, mail: Composed, stage: Stage, answer: str, kind: type[DeliveryError]
) -> None:
    error = failure(plain, mail, {stage: answer})
    code, _, words = answer.partition(" ")
    assert type(error) is kind
    assert (error.code, error.reply) == (int(code), words)
    assert plain.accepted == []


def test_a_421_to_ehlo_is_the_relays_fault(plain: SmtpServer, mail: Composed) -> None:
    assert type(failure(plain, mail, {"EHLO": "421 4.3.2 Closing"})) is RelayError


def test_a_greeting_that_is_followed_by_helo_is_good_enough(plain: SmtpServer, mail: Composed) -> None:
    assert deliver(plain, mail, {"EHLO": "502 5.5.1 What is EHLO?"}).code == 250
    assert said(plain)[:2] == ["EHLO", "HELO"]


STAGES: list[Stage] = ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_connection_that_is_closed_is_the_relays_fault_until_the_recipient_is_said(
    plain: SmtpServer, mail: Composed, stage: Stage
) -> None:
    error = failure(plain, mail, {stage: Drop()})
    assert error.code is None
    if stage == "END":
        # It may have the mail: trying again may make two of it, which counts as an attempt.
        assert type(error) is BusyError
        assert "may have it" in error.reply
    elif stage in ("RCPT", "DATA"):
        # It may be this mail that it cannot stomach: it must not hold up the others.
        assert type(error) is BusyError
        assert "may have it" not in error.reply
    else:
        assert type(error) is RelayError


DRIBBLE = Dribble("250-" + "x" * 400, 0.02)


@pytest.mark.parametrize(
    ("stage", "how"), [("GREETING", Silence()), ("EHLO", DRIBBLE), ("RCPT", Silence()), ("END", DRIBBLE)]
)
def test_a_peer_that_does_not_come_to_an_end_is_cut_in_time(
    plain: SmtpServer, mail: Composed, stage: Stage, how: Action
) -> None:
    plain.follow({stage: how})
    began = time.monotonic()
    with pytest.raises(DeliveryError) as raised, transport_to(plain.url, conversation_timeout_s=0.2) as transport:
        transport.deliver(mail)
    took = time.monotonic() - began
    assert type(raised.value) is (BusyError if stage in ("RCPT", "END") else RelayError)
    assert 0.2 <= took < 5
    assert 190 <= raised.value.connect_ms + raised.value.transfer_ms <= took * 1000 + 2


@pytest.mark.parametrize("stage", ["GREETING", "MAIL", "DATA", "END"])
def test_every_wait_has_an_end_of_its_own(
    plain: SmtpServer, mail: Composed, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stage == "GREETING":
        monkeypatch.setattr(opening_module, "CONNECT_TIMEOUT_S", 0.2)
    else:
        name = "FINAL_TIMEOUT_S" if stage == "END" else "ANSWER_TIMEOUT_S"
        monkeypatch.setattr(connection_module, name, 0.2)
    began = time.monotonic()
    error = failure(plain, mail, {stage: Silence()})
    assert type(error) is (BusyError if stage in ("DATA", "END") else RelayError)
    assert time.monotonic() - began < 5


def test_the_last_answer_may_take_longer_than_the_others(
    plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "ANSWER_TIMEOUT_S", 0.3)
    assert deliver(plain, mail, {"END": Delay(0.6)}).code == 250


def test_the_last_answer_is_waited_for_as_long_as_the_standard_wants() -> None:
    # RFC 5321, section 4.5.3.2.6; and nothing else ends the conversation before.
    assert connection_module.FINAL_TIMEOUT_S >= 600
    assert smtp_module.CONVERSATION_TIMEOUT_S > connection_module.FINAL_TIMEOUT_S + connection_module.ANSWER_TIMEOUT_S


def test_a_conversation_can_be_cut_from_outside(plain: SmtpServer, mail: Composed) -> None:
    plain.follow({"RCPT": Silence()})
    errors: list[DeliveryError] = []

    def talk() -> None:
        try:
            transport.deliver(mail)
        except DeliveryError as error:
            errors.append(error)

    with transport_to(plain.url) as transport:
        threads = [threading.Thread(target=talk) for _ in range(4)]
        for thread in threads:
            thread.start()
        until(lambda: [c.commands()[-1:] for c in plain.conversations] == [["RCPT"]] * 4)
        transport.abort()
        for thread in threads:
            thread.join(10)
    # Without a code: whoever cut it knows that it was not the relay.
    assert [(type(error), error.code) for error in errors] == [(BusyError, None)] * 4


def test_conversations_are_interrupted_but_where_the_last_answer_is_all_that_is_missing(
    plain: SmtpServer, mail: Composed
) -> None:
    outcomes: list[object] = []

    def talk() -> None:
        try:
            outcomes.append(transport.deliver(mail).code)
        except DeliveryError as error:
            outcomes.append((error.code, error.doubtful))

    with transport_to(plain.url) as transport:
        threads = [threading.Thread(target=talk) for _ in range(2)]
        plain.follow({"DATA": Silence()})
        threads[0].start()
        until(lambda: [c.commands()[-1:] for c in plain.conversations] == [["DATA"]])
        plain.follow({"END": Delay(0.5)})
        threads[1].start()
        until(lambda: transport._deadlines.spared)
        transport.interrupt()
        for thread in threads:
            thread.join(10)
        assert outcomes == [(None, False), 250]
        # Nothing new is begun.
        with pytest.raises(DeliveryError):
            transport.deliver(mail)
        assert not transport._deadlines.spared


def test_a_relay_that_is_not_there_is_away(plain: SmtpServer, mail: Composed) -> None:
    plain.stop()
    error = failure(plain, mail)
    assert type(error) is RelayError
    assert "refused" in error.reply


def test_a_name_that_is_none_is_a_relay_that_is_away(mail: Composed) -> None:
    with pytest.raises(RelayError), transport_to("smtp://relay.invalid:25?tls=none") as transport:
        transport.deliver(mail)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("550 a\x1b[31mred\x07\x00\x7f", "a [31mred   "),
        ("550 one\ttwo", "one two"),
        ("550 \u202eevil", " evil"),
        ("550-first\n550-second\n550 third", "first second third"),
        ("550 " + "x" * 5000, "x" * 500),
        ("550 ", ""),
    ],
)
def test_hostile_words_become_one_printable_line(plain: SmtpServer, mail: Composed, answer: str, words: str) -> None:
    error = failure(plain, mail, {"RCPT": answer})
    assert type(error) is RefusedError
    assert error.reply.strip() == words.strip()


@pytest.mark.parametrize("answer", ["hello there", "99999 what", "-50 ok", "2x0 ok"])
@pytest.mark.parametrize("stage", ["RCPT", "END"])
def test_an_answer_that_is_none_refuses_nothing(plain: SmtpServer, mail: Composed, stage: Stage, answer: str) -> None:
    error = failure(plain, mail, {stage: answer})
    assert isinstance(error, BusyError | RelayError)


def test_an_answer_without_an_end_is_not_read_for_ever(plain: SmtpServer, mail: Composed) -> None:
    error = failure(plain, mail, {"RCPT": "550 " + "x" * 100_000})
    assert isinstance(error, RelayError | BusyError)
    assert len(error.reply) <= 500


# TLS and login.


def test_without_tls_nobody_has_to_vouch_for_the_relay(
    plain: SmtpServer, mail: Composed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("ssl.create_default_context")  # it takes longer than ten mails
    assert deliver(plain, mail).code == 250


@pytest.mark.usefixtures("trusted")
def test_starttls_comes_before_anything_else_is_said(mail: Composed) -> None:
    with SmtpServer(tls="starttls") as server:
        deliver(server, mail)
        assert server.accepted[0].content == mail.content
        until(lambda: said(server) == ["EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"])


@pytest.mark.usefixtures("trusted")
def test_smtps_is_secret_from_the_first_byte(mail: Composed) -> None:
    with SmtpServer(tls="implicit") as server:
        deliver(server, mail)
        assert server.accepted[0].content == mail.content
        assert server.conversations[0].tls
        assert "STARTTLS" not in said(server)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("script", [{}, {"STARTTLS": "454 4.7.0 TLS not available"}, {"STARTTLS": "502 What?"}])
def test_without_tls_nothing_is_said_in_the_clear(mail: Composed, script: Script) -> None:
    offers_it = bool(script)
    with SmtpServer(tls="starttls" if offers_it else "none", login=LOGIN) as server:
        server.follow(script)
        url = f"smtp://{LOGIN[0].replace('@', '%40')}:{LOGIN[1]}@127.0.0.1:{server.port}"
        with pytest.raises(RelayError), transport_to(url) as transport:
            transport.deliver(mail)
        assert said(server) == (["EHLO", "STARTTLS"] if offers_it else ["EHLO"])
        assert server.mails == []


UNTRUSTED: dict[str, Callable[[pytest.MonkeyPatch], SmtpServer]] = {
    "an authority that nobody knows": lambda _patch: SmtpServer(tls="starttls"),
    "another name": lambda patch: _with_certificate(patch, "relay.example.org"),
    "a time that is over": lambda patch: _with_certificate(patch, expired=True),
}


def _with_certificate(patch: pytest.MonkeyPatch, *names: str, expired: bool = False) -> SmtpServer:
    patch.setenv("SSL_CERT_FILE", str(authority().file))
    return SmtpServer(tls="starttls", context=authority().server_context(*names, expired=expired))


@pytest.mark.parametrize("why", UNTRUSTED)
def test_a_certificate_that_is_wrong_ends_the_conversation(
    mail: Composed, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with UNTRUSTED[why](monkeypatch) as server:
        error = failure(server, mail)
        assert type(error) is RelayError
        assert "certificate verify failed" in error.reply.lower()
        assert said(server) == ["EHLO", "STARTTLS"]
        assert server.mails == []


def test_smtps_with_a_certificate_that_is_wrong_is_the_relays_fault(mail: Composed) -> None:
    with SmtpServer(tls="implicit") as server:
        error = failure(server, mail)
        assert type(error) is RelayError
        assert server.mails == []


@pytest.mark.usefixtures("trusted")
def test_smtps_to_a_server_without_it_is_the_relays_fault(plain: SmtpServer, mail: Composed) -> None:
    url = f"smtps://127.0.0.1:{plain.port}"
    with pytest.raises(RelayError), transport_to(url, conversation_timeout_s=1.0) as transport:
        transport.deliver(mail)
    assert plain.mails == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_login_that_is_right_opens_the_door(mail: Composed, tls: str) -> None:
    with SmtpServer(tls="starttls" if tls == "starttls" else "implicit", login=LOGIN) as server:
        with logging_in(server, LOGIN) as transport:
            transport.deliver(mail)
        assert server.conversations[0].login == LOGIN[0]
        assert len(server.accepted) == 1


@pytest.mark.usefixtures("trusted")
def test_a_login_that_is_wrong_is_the_relays_fault_and_kept_secret(mail: Composed) -> None:
    with SmtpServer(tls="starttls", login=LOGIN) as server:
        with pytest.raises(RelayError) as raised, logging_in(server, (LOGIN[0], "hunter2")) as transport:
            transport.deliver(mail)
        assert raised.value.code == 535
        assert "hunter2" not in str(raised.value)
        assert server.mails == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("password", ["pässword", "\ud800", "日本"])
def test_a_password_that_smtp_cannot_carry_is_kept_secret_too(mail: Composed, password: str) -> None:
    with SmtpServer(tls="starttls", login=LOGIN) as server:
        with pytest.raises(RelayError) as raised, logging_in(server, (LOGIN[0], password)) as transport:
            transport.deliver(mail)
        for part in password:
            if not part.isascii():
                assert part not in str(raised.value)
                assert f"{ord(part):x}" not in str(raised.value)


@pytest.mark.usefixtures("trusted")
def test_a_server_that_takes_no_login_is_told_none(mail: Composed) -> None:
    with SmtpServer(tls="starttls") as server:
        with pytest.raises(RelayError, match="no login"), logging_in(server, LOGIN) as transport:
            transport.deliver(mail)
        assert "AUTH" not in said(server)
        assert server.mails == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("answer", ["454 4.7.0 Temporary failure", "534 5.7.9 App password needed"])
def test_a_login_that_fails_otherwise_is_the_relays_fault(mail: Composed, answer: str) -> None:
    with SmtpServer(tls="starttls", login=LOGIN) as server:
        server.follow({"AUTH": answer})
        with pytest.raises(RelayError) as raised, logging_in(server, LOGIN) as transport:
            transport.deliver(mail)
        assert raised.value.code == int(answer[:3])


@pytest.mark.usefixtures("trusted")
def test_a_connection_that_ends_during_the_login_is_the_relays_fault(mail: Composed) -> None:
    for answer in ("421 4.7.0 Bye", Drop()):
        with SmtpServer({"AUTH": answer}, tls="starttls", login=LOGIN) as server:
            with pytest.raises(RelayError), logging_in(server, LOGIN) as transport:
                transport.deliver(mail)
            assert server.mails == []
