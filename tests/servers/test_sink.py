"""Postfix's smtp-sink as a fixture of tests."""

import smtplib

from tests.servers.availability import require
from tests.servers.ports import listens
from tests.servers.sink import SmtpSink


def send(sink: SmtpSink, *recipients: str) -> None:
    host, _, port = sink.address.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=10) as smtp:
        smtp.sendmail("me@example.com", recipients, b"Subject: hi\r\n\r\nhello\r\n")


def test_every_mail_is_there_with_its_recipients() -> None:
    require("smtp-sink")
    with SmtpSink() as sink:
        send(sink, "a@example.com")
        send(sink, "b@example.com", "c@example.com")
        mails = sink.wait_for(2)
        assert sink.count() == 2
        assert sorted(mail.recipients for mail in mails) == [("a@example.com",), ("b@example.com", "c@example.com")]
        assert sorted(sink.recipients()) == ["a@example.com", "b@example.com", "c@example.com"]
        assert {mail.sender for mail in mails} == {"me@example.com"}
        assert {mail.content for mail in mails} == {b"Subject: hi\n\nhello\n"}


def test_a_mail_that_breaks_off_does_not_count() -> None:
    require("smtp-sink")
    with SmtpSink() as sink:
        host, _, port = sink.address.rpartition(":")
        with smtplib.SMTP(host, int(port), timeout=10) as smtp:
            smtp.ehlo()
            smtp.mail("me@example.com")
            smtp.rcpt("a@example.com")
            smtp.docmd("DATA")
            smtp.send(b"Subject: half\r\n")
            assert sink.mails() == []
            smtp.close()


def test_nothing_listens_after_it() -> None:
    require("smtp-sink")
    with SmtpSink() as sink:
        address = sink.address
    assert not listens(address)
