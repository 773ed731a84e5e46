"""What objects of ours show of themselves, such as in an error's words: nobody's address, no key, no text."""

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from messaging.draft import Draft
from messaging.gate import Caller
from messaging.keys import Key
from messaging.links import Link
from messaging.order import Order, Sent
from messaging.outbox.database import Database, transaction
from messaging.outbox.records import Accepted, Attempt, Claim, Finish, Mail, Outcome
from messaging.outbox.schema import keys, mails
from messaging.outbox.states import State
from messaging.request import Request
from tests.messaging.wsgi import request
from workers.composing import compose

MAIL = Mail(
    "1", State.QUEUED, 0, 0, 0, None, "sender@example.com", "victim@example.com", "a subject", "a text", test=False
)
ATTEMPT = Attempt(1, 0, 0, 0, Outcome.REFUSED, 550, "5.1.1 <victim@example.com>: away")
DRAFT = Draft("victim@example.com", "a subject", "a text")
KEY = Key("digest-of-it", "backup", 0)


def carrying() -> Request:
    return request(query="key=msg_secret&sendmail=victim@example.com", headers={"X-API-Key": "msg_secret"})


OBJECTS = [
    MAIL,
    Accepted(MAIL, repeated=False),
    Claim(MAIL, 1),
    ATTEMPT,
    Finish(Claim(MAIL, 1), State.FAILED, None, charged=True, attempt=ATTEMPT),
    DRAFT,
    KEY,
    Caller(KEY),
    carrying(),
    Order(carrying(), Caller(KEY), DRAFT, None, Link("1", DRAFT, 1)),
    Sent(MAIL, repeated=False, replayed=False),
    compose(MAIL),
    Settings.load(
        {
            "SMTP_URL": "smtp://victim%40example.com:msg_secret@relay.example.net",
            "EMAIL_USERNAME": "victim@example.com",
            "EMAIL_PASSWORD": "msg_secret",
            "MAIL_FROM": "sender@example.com",
            "ALLOWED_RECIPIENTS": "victim@example.com",
            "BROKER_URL": "amqp://victim:msg_secret@host",
        }
    ),
]


@pytest.mark.parametrize("thing", OBJECTS, ids=lambda thing: type(thing).__name__)
def test_what_is_somebody_s_or_secret_is_not_shown(thing: object) -> None:
    shown = f"{thing!r} {thing}"
    for secret in ("victim", "sender@", "msg_secret", "digest-of-it", "subject'", "a text"):
        assert secret not in shown


def test_the_database_s_errors_do_not_quote_what_was_to_be_stored(database: Database) -> None:
    row = {"digest": "digest-of-it", "name": "victim@example.com", "created_at": 0, "recipients": "", "test": False}
    with transaction(database.recording) as connection:
        connection.execute(insert(keys), row)
    with pytest.raises(SQLAlchemyError) as twice, transaction(database.recording) as connection:
        connection.execute(insert(keys), row)
    with pytest.raises(SQLAlchemyError) as lacking, transaction(database.recording) as connection:
        connection.execute(insert(mails), {"id": "1", "recipient": "victim@example.com"})
    for error in (twice.value, lacking.value):
        assert "victim" not in f"{error!r} {error}"
        assert "digest-of-it" not in f"{error!r} {error}"
