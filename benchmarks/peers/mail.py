"""What a task of either peer does: a mail by the standard library, on a connection of its own."""

import os
import smtplib
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

_HOST, _, _PORT = os.environ["RELAY"].rpartition(":")

#: The library would look it up for each connection; what the resolver of a machine costs is not compared here.
_OWN_NAME = "localhost"

SUBJECT = "Hello from a peer"
TEXT = "This mail was asked for with one request to a peer."


def connect() -> smtplib.SMTP:
    return smtplib.SMTP(_HOST, int(_PORT), local_hostname=_OWN_NAME, timeout=60)


def compose(recipient: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "messaging@localhost"
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=_OWN_NAME)
    message.set_content(text)
    return message


def send(recipient: str, subject: str, text: str) -> None:
    with connect() as smtp:
        smtp.send_message(compose(recipient, subject, text))
