"""The tables as the code sees them; `upgrades` makes them.

Every `_at` column is a time in milliseconds since 1970, UTC.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from messaging.outbox.among import among

metadata = MetaData()

#: What waits for something, spelled as in the index so that it is seen to fit.
IS_WAITING: Final = text("due_at IS NOT NULL")

#: What is in one of the states that few mails are in.
#: (A list of those instead would be made anew in each statement that changes a state.)
IS_ASIDE: Final = text("state <> 'queued' AND state <> 'sending' AND state <> 'sent'")

#: SQLite's own kind of key, and half as expensive as a text of as many bits.
_DIGEST = BigInteger().with_variant(Integer(), "sqlite")

mails = Table(
    "mails",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("due_at", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("claims", Integer, nullable=False, server_default=text("0")),
    #: Claims that ended in the death of who held them.
    Column("deaths", Integer, nullable=False, server_default=text("0")),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("sender", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    #: Sent with a test key: it goes through everything but the relay.
    Column("test", Boolean, nullable=False, server_default=text("FALSE")),
    #: It has a row in `extras`.
    Column("rich", Boolean, nullable=False, server_default=text("FALSE")),
    #: The broker has confirmed its id since it last had to be published: while it is queued, the id may lie there.
    Column("published", Boolean, nullable=False, server_default=text("FALSE")),
    # Only what is unfinished is in it, so that it stays as small as the backlog.
    # The state is there for who looks for ended leases among all that is due.
    Index(
        "mails_due",
        "due_at",
        "state",
        "published",
        sqlite_where=IS_WAITING,
    ),
    # Where mails of these states are looked for. One with all states would cost each mail three entries, and one with
    # the recipients would make storing a mail three times as expensive (a million rows: 27 instead of 9 µs).
    Index("mails_aside", "state", "id", sqlite_where=IS_ASIDE),
    Index(
        "mails_died",
        "deaths",
        sqlite_where=text("deaths > 0 AND due_at IS NOT NULL"),
    ),
)

#: Whether a mail is among `ids`.
IS_AMONG = among(mails.c.id, "ids")

#: When the broker last confirmed a mail's id. Beside the mails, since it is known when they have been sent, mostly: to
#: change a mail's row is to write all of its text again (2 KB: 5 instead of 2 µs, and 30 times as much in the log).
confirms = Table(
    "confirms",
    metadata,
    Column("mail_id", Text, ForeignKey("mails.id", ondelete="CASCADE"), primary_key=True),
    Column("confirmed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

#: What few mails have: of the others only `mails` is ever read.
extras = Table(
    "extras",
    metadata,
    Column("mail_id", Text, ForeignKey("mails.id", ondelete="CASCADE"), primary_key=True),
    Column("html", Text),
    Column("reply_to", Text),
)

attachments = Table(
    "attachments",
    metadata,
    Column("mail_id", Text, ForeignKey("mails.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("mail_id", Text, ForeignKey("mails.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("connect_ms", Integer, nullable=False),
    Column("transfer_ms", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Integer),
    Column("reply", Text, nullable=False),
    Index("attempts_mail", "mail_id"),
)

keys = Table(
    "keys",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    #: To the minute; none for one that was never used.
    Column("last_used_at", BigInteger),
    #: How many mails it may send, such as `100/h`; none for no limit.
    Column("rate", Text),
    #: Comma-separated addresses and `@domains` that it may send to; empty for all.
    Column("recipients", Text, nullable=False, server_default=text("''")),
    Column("test", Boolean, nullable=False, server_default=text("FALSE")),
)

#: How often each of what is limited was used.
uses = Table(
    "uses",
    metadata,
    #: A digest: neither addresses nor clients are kept.
    Column("subject", _DIGEST, primary_key=True, autoincrement=False),
    #: Times and counts in turns, separated by commas; see `uses.py`.
    Column("times", Text, nullable=False),
    #: When none of them counts any longer.
    Column("ends_at", BigInteger, nullable=False),
    Index("uses_end", "ends_at"),
)

#: Which mail a request was answered with, for as long as the same request may come again.
repeats = Table(
    "repeats",
    metadata,
    #: A digest of what tells the request from others.
    Column("token", _DIGEST, primary_key=True, autoincrement=False),
    #: A digest of what was asked for.
    Column("content", _DIGEST, nullable=False),
    Column("mail_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Index("repeats_end", "ends_at"),
)

#: How many mails are in each final state now, and ever came into it: triggers see to that, whoever changes a mail. And
#: how often happened what no state tells.
totals = Table(
    "totals",
    metadata,
    Column("name", Text, primary_key=True),
    Column("now", Integer, nullable=False, server_default=text("0")),
    Column("ever", Integer, nullable=False, server_default=text("0")),
)

#: How many mails came into a final state, by the minute: the same triggers see to that.
tallies = Table(
    "tallies",
    metadata,
    #: When the minute began.
    Column("at", BigInteger, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("mails", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: The one row with what only this database's programs know.
secret = Table(
    "secret",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", Text, nullable=False),
)

#: The one row that is there while the relay is held.
hold = Table(
    "hold",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    #: When the next mail may be tried.
    Column("probe_at", BigInteger, nullable=False),
    #: The mail that may be tried now; none between probes.
    Column("probe_id", Text),
)

workers = Table(
    "workers",
    metadata,
    #: Host and process, so that a process that starts anew is another worker.
    Column("name", Text, primary_key=True),
    #: Whether it sends mails or dispatches them; a process may do both.
    Column("role", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    #: Mails that it is working on.
    Column("in_flight", Integer, nullable=False),
)
