"""The scripted SMTP server against the standard library's client."""

import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fixtures.waiting import until
from tests.servers.certificates import authority
from tests.servers.script import Action, Delay, Dribble, Drop, Hold, Script, Silence
from tests.servers.smtp import SmtpServer

MAIL = b"Subject: hi\r\n\r\n.dotted\r\n"


@contextmanager
def client(server: SmtpServer, timeout_s: float = 10) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", server.port, timeout=timeout_s) as smtp:
        yield smtp


def send(server: SmtpServer, *recipients: str, timeout_s: float = 10) -> None:
    with client(server, timeout_s) as smtp:
        smtp.sendmail("me@example.com", recipients or ("you@example.com",), MAIL)


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority().file))


def test_a_mail_is_taken_and_remembered() -> None:
    before = time.time()
    with SmtpServer() as server:
        send(server, "you@example.com", "two@example.com")
        [mail] = server.wait_for(1)
    assert (mail.sender, mail.recipients) == ("me@example.com", ("you@example.com", "two@example.com"))
    assert mail.content == MAIL
    assert mail.answer == "250 2.0.0 Ok: queued"
    assert before <= mail.at <= time.time()
    assert not mail.conversation.tls
    assert mail.conversation.commands() == ["EHLO", "MAIL", "RCPT", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ({"MAIL": "451 4.3.0 try later"}, 451),
        ({"MAIL": "550 5.7.1 not you"}, 550),
        ({"DATA": "452 4.3.1 full"}, 452),
        ({"END": "554 5.6.0 not that"}, 554),
        (lambda stage, argument, _talk: "450 no" if stage == "MAIL" and "me@" in argument else None, 450),
    ],
)
def test_a_scripted_answer_replaces_the_usual_one(script: Script, code: int) -> None:
    with SmtpServer(script) as server:
        with pytest.raises(smtplib.SMTPResponseException) as caught:
            send(server)
        assert caught.value.smtp_code == code
        assert server.accepted == []


def test_a_refused_recipient_is_the_only_one_refused() -> None:
    with SmtpServer({"RCPT": ["550 5.1.1 nobody"]}) as server:
        send(server, "nobody@example.com", "you@example.com")
        assert server.accepted[0].recipients == ("you@example.com",)


def test_another_positive_answer_changes_the_words_alone() -> None:
    with SmtpServer({"EHLO": "250-me\n250 SIZE 99", "RCPT": "251 will forward", "END": "250 taken as 7"}) as server:
        with client(server) as smtp:
            assert smtp.ehlo()[1] == b"me\nSIZE 99"
            smtp.mail("me@example.com")
            assert smtp.rcpt("you@example.com") == (251, b"will forward")
            assert smtp.data(MAIL) == (250, b"taken as 7")
        assert server.accepted[0].recipients == ("you@example.com",)


def test_a_list_is_followed_once_and_over_all_connections() -> None:
    with SmtpServer({"MAIL": ["451 later", None, "452 later"]}) as server:
        codes = []
        for _ in range(4):
            with client(server) as smtp:
                smtp.ehlo()
                codes.append(smtp.mail("me@example.com")[0])
    assert codes == [451, 250, 452, 250]


def test_a_421_ends_the_connection() -> None:
    with SmtpServer({"GREETING": "421 too busy"}) as server, pytest.raises(smtplib.SMTPConnectError) as caught:
        send(server)
    assert caught.value.smtp_code == 421
    assert not server.conversations[0].open


@pytest.mark.parametrize("script", [{"GREETING": Drop()}, {"EHLO": Drop()}, {"MAIL": Drop()}, {"END": Drop()}])
def test_a_drop_ends_the_connection_without_an_answer(script: Script) -> None:
    with SmtpServer(script) as server:
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
            send(server)
        until(lambda: not server.conversations[0].open)


@pytest.mark.parametrize("lost", [Drop(), Silence(), Delay(30)])
def test_a_mail_whose_answer_is_lost_is_remembered_all_the_same(lost: Action) -> None:
    with SmtpServer({"END": lost}) as server:
        with pytest.raises((smtplib.SMTPServerDisconnected, TimeoutError)):
            send(server, timeout_s=0.3)
        until(lambda: server.mails)
        [mail] = server.mails
    assert mail.answer is None
    assert not mail.accepted


def test_silence_lasts_until_the_client_goes() -> None:
    with SmtpServer({"MAIL": Silence()}) as server:
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            send(server, timeout_s=0.3)
        until(lambda: not server.conversations[0].open)


def test_a_delay_comes_before_the_answer() -> None:
    with SmtpServer({"MAIL": Delay(0.2), "RCPT": Delay(0.2, "450 later")}) as server, client(server) as smtp:
        smtp.ehlo()
        began = time.monotonic()
        assert smtp.mail("me@example.com")[0] == 250
        assert smtp.rcpt("you@example.com")[0] == 450
        assert time.monotonic() - began >= 0.4


def test_dribbled_bytes_make_the_whole_answer() -> None:
    with SmtpServer({"MAIL": Dribble("250 2.1.0 fine", 0.01)}) as server, client(server) as smtp:
        smtp.ehlo()
        began = time.monotonic()
        assert smtp.mail("me@example.com") == (250, b"2.1.0 fine")
        assert time.monotonic() - began >= 0.1


_GROUP = b"MAIL FROM:<me@example.com>\r\nRCPT TO:<you@example.com>\r\nDATA\r\n"


def test_commands_that_come_together_are_noted_and_answered_one_after_the_other() -> None:
    with SmtpServer() as server, client(server) as smtp:
        smtp.ehlo()
        assert smtp.has_extn("pipelining")
        smtp.send(_GROUP)
        assert [smtp.getreply()[0] for _ in range(3)] == [250, 250, 354]
        smtp.send(b".\r\n")
        assert smtp.getreply()[0] == 250
        assert server.conversations[0].ahead == ["MAIL", "RCPT"]


def test_pipelining_can_be_withheld() -> None:
    with SmtpServer(pipelining=False) as server, client(server) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("pipelining")
        server.follow({"MAIL": Delay(0.05)})
        smtp.mail("me@example.com")
        smtp.rcpt("you@example.com")
        assert server.conversations[0].ahead == []


def test_an_answer_is_held_while_more_commands_wait() -> None:
    held = Hold("250 held")
    with SmtpServer({"MAIL": held, "RCPT": [None, Drop()]}) as server, client(server) as smtp:
        smtp.ehlo()
        assert smtp.mail("me@example.com") == (250, b"held")  # nothing waits
        smtp.rset()
        smtp.send(b"MAIL FROM:<me@example.com>\r\nRCPT TO:<you@example.com>\r\n")
        assert smtp.getreply() == (250, b"held")
        assert smtp.getreply()[0] == 250
        smtp.rset()
        smtp.send(b"MAIL FROM:<me@example.com>\r\nRCPT TO:<you@example.com>\r\n")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.getreply()  # what is held is lost with the connection


def test_a_mail_for_nobody_is_taken_if_it_is_told_to() -> None:
    with SmtpServer({"RCPT": "550 5.1.1 nobody", "DATA": "354 go on"}) as server, client(server) as smtp:
        smtp.ehlo()
        smtp.send(_GROUP)
        assert [smtp.getreply()[0] for _ in range(3)] == [250, 550, 354]
        smtp.send(b".\r\n")
        assert smtp.getreply()[0] == 250
        assert [(mail.recipients, mail.content) for mail in server.accepted] == [(("nobody",), b"")]


def test_the_script_can_be_replaced_while_a_connection_is_open() -> None:
    with SmtpServer() as server, client(server) as smtp:
        smtp.ehlo()
        server.follow({"MAIL": "450 not now"})
        assert smtp.mail("me@example.com")[0] == 450


def test_all_connections_can_be_cut_and_others_come() -> None:
    with SmtpServer() as server:
        with client(server) as smtp:
            smtp.ehlo()
            server.cut()
            with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
                smtp.mail("me@example.com")
        until(lambda: not server.conversations[0].open)
        send(server)
    assert len(server.accepted) == 1


def test_starttls_is_offered_and_noted() -> None:
    with SmtpServer(tls="starttls") as server:
        with client(server) as smtp:
            smtp.starttls(context=trusting())
            smtp.sendmail("me@example.com", "you@example.com", MAIL)
        assert server.accepted[0].conversation.tls


def test_starttls_can_be_withheld() -> None:
    with SmtpServer() as server, client(server) as smtp, pytest.raises(smtplib.SMTPNotSupportedError):
        smtp.starttls(context=trusting())


def test_smtps_speaks_tls_from_the_first_byte() -> None:
    with SmtpServer(tls="implicit") as server:
        with smtplib.SMTP_SSL("127.0.0.1", server.port, timeout=10, context=trusting()) as smtp:
            smtp.sendmail("me@example.com", "you@example.com", MAIL)
        assert server.accepted[0].conversation.tls


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (authority().server_context("other.example.com"), "IP address mismatch"),
        (authority().server_context(expired=True), "expired"),
    ],
)
def test_a_certificate_can_be_wrong(context: ssl.SSLContext, reason: str) -> None:
    with SmtpServer(tls="starttls", context=context) as server, client(server) as smtp:
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            smtp.starttls(context=trusting())
        smtp.close()


@pytest.mark.parametrize("tls", ["none", "starttls"])
def test_a_login_is_demanded_checked_and_noted(tls: str) -> None:
    with SmtpServer(tls="starttls" if tls == "starttls" else "none", login=("joe", "s3cret")) as server:
        with client(server) as smtp:
            if tls == "starttls":
                smtp.starttls(context=trusting())
            smtp.ehlo()
            assert smtp.mail("me@example.com")[0] == 530
            with pytest.raises(smtplib.SMTPAuthenticationError):
                smtp.login("joe", "wrong")
            smtp.login("joe", "s3cret")
            smtp.sendmail("me@example.com", "you@example.com", MAIL)
        assert server.accepted[0].conversation.login == "joe"


def test_no_login_is_offered_where_none_is_accepted() -> None:
    with SmtpServer() as server, client(server) as smtp, pytest.raises(smtplib.SMTPNotSupportedError):
        smtp.login("joe", "s3cret")


def test_a_server_that_was_away_is_back_at_its_port_and_remembers() -> None:
    server = SmtpServer()
    with server:
        send(server)
        port = server.port
    with pytest.raises(ConnectionRefusedError):
        send(server)
    with server:
        send(server)
        assert (server.port, len(server.accepted)) == (port, 2)


def test_its_url_is_what_smtp_url_wants() -> None:
    with (
        SmtpServer() as plain,
        SmtpServer(tls="starttls") as start,
        SmtpServer(tls="implicit", login=("a", "b")) as tls,
    ):
        assert plain.url == f"smtp://127.0.0.1:{plain.port}?tls=none"
        assert start.url == f"smtp://127.0.0.1:{start.port}"
        assert tls.url == f"smtps://a:b@127.0.0.1:{tls.port}"
