"""The schema's versions: each step brings the database from one to the next, all in one transaction."""

from typing import Final

from sqlalchemy import Connection, text

from messaging.outbox.errors import SchemaTooNewError

#: Step n brings a database of version n to n + 1. A step is never changed once it has been released.
STEPS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE mails (
            id TEXT NOT NULL PRIMARY KEY,
            state TEXT NOT NULL,
            due_at BIGINT,
            attempts INTEGER NOT NULL,
            claims INTEGER NOT NULL DEFAULT 0,
            deaths INTEGER NOT NULL DEFAULT 0,
            created_at BIGINT NOT NULL,
            published_at BIGINT,
            finished_at BIGINT,
            sender TEXT NOT NULL,
            recipient TEXT NOT NULL,
            subject TEXT NOT NULL,
            text TEXT NOT NULL,
            test BOOLEAN NOT NULL DEFAULT FALSE
        )""",
        "CREATE INDEX mails_due ON mails (due_at, state) WHERE due_at IS NOT NULL",
        "CREATE INDEX mails_died ON mails (deaths) WHERE deaths > 0 AND due_at IS NOT NULL",
        """CREATE TABLE attempts (
            id INTEGER NOT NULL PRIMARY KEY,
            mail_id TEXT NOT NULL REFERENCES mails (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            started_at BIGINT NOT NULL,
            connect_ms INTEGER NOT NULL,
            transfer_ms INTEGER NOT NULL,
            outcome TEXT NOT NULL,
            code INTEGER,
            reply TEXT NOT NULL
        )""",
        "CREATE INDEX attempts_mail ON attempts (mail_id)",
        """CREATE TABLE keys (
            digest TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            created_at BIGINT NOT NULL,
            last_used_at BIGINT,
            rate TEXT,
            recipients TEXT NOT NULL DEFAULT '',
            test BOOLEAN NOT NULL DEFAULT FALSE
        )""",
        """CREATE TABLE uses (
            subject INTEGER NOT NULL PRIMARY KEY,
            times TEXT NOT NULL,
            ends_at BIGINT NOT NULL
        )""",
        "CREATE INDEX uses_end ON uses (ends_at)",
        """CREATE TABLE repeats (
            token INTEGER NOT NULL PRIMARY KEY,
            content INTEGER NOT NULL,
            mail_id TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            ends_at BIGINT NOT NULL
        )""",
        "CREATE INDEX repeats_end ON repeats (ends_at)",
        """CREATE TABLE secret (
            id INTEGER NOT NULL PRIMARY KEY,
            value TEXT NOT NULL
        )""",
        """CREATE TABLE hold (
            id INTEGER NOT NULL PRIMARY KEY,
            reason TEXT NOT NULL,
            since BIGINT NOT NULL,
            probe_at BIGINT NOT NULL,
            probe_id TEXT
        )""",
        """CREATE TABLE workers (
            name TEXT NOT NULL,
            role TEXT NOT NULL,
            host TEXT NOT NULL,
            pid INTEGER NOT NULL,
            started_at BIGINT NOT NULL,
            seen_at BIGINT NOT NULL,
            in_flight INTEGER NOT NULL,
            PRIMARY KEY (name, role)
        )""",
    ),
    (
        """CREATE TABLE totals (
            name TEXT NOT NULL PRIMARY KEY,
            now INTEGER NOT NULL DEFAULT 0,
            ever INTEGER NOT NULL DEFAULT 0
        )""",
        """INSERT INTO totals (name) VALUES ('sent'), ('tested'), ('failed'), ('canceled'), ('removed'), ('retried'),
            ('claims refused'), ('failed: refused'), ('failed: busy'), ('failed: ours')""",
        """UPDATE totals SET now = found.mails, ever = found.mails
            FROM (SELECT state, count(*) AS mails FROM mails GROUP BY state) AS found WHERE name = found.state""",
        """CREATE TABLE tallies (
            at BIGINT NOT NULL,
            state TEXT NOT NULL,
            mails INTEGER NOT NULL,
            PRIMARY KEY (at, state)
        ) WITHOUT ROWID""",
        """INSERT INTO tallies (at, state, mails)
            SELECT finished_at - finished_at % 60000, state, count(*) FROM mails
            WHERE finished_at >= (SELECT max(finished_at) FROM mails) - 691200000
            GROUP BY 1, 2""",
        """CREATE TRIGGER mails_finished AFTER UPDATE OF state ON mails
            WHEN NEW.due_at IS NULL AND NEW.state <> OLD.state BEGIN
            UPDATE totals SET now = now + 1, ever = ever + 1 WHERE name = NEW.state;
            INSERT INTO tallies (at, state, mails)
                SELECT NEW.finished_at - NEW.finished_at % 60000, NEW.state, 1 WHERE NEW.finished_at IS NOT NULL
                ON CONFLICT (at, state) DO UPDATE SET mails = mails + 1;
        END""",
        """CREATE TRIGGER mails_unfinished AFTER UPDATE OF state ON mails
            WHEN OLD.due_at IS NULL AND NEW.state <> OLD.state BEGIN
            UPDATE totals SET now = now - 1 WHERE name = OLD.state;
        END""",
        """CREATE TRIGGER mails_removed AFTER DELETE ON mails BEGIN
            UPDATE totals SET now = now - 1 WHERE name = OLD.state;
            UPDATE totals SET ever = ever + 1 WHERE name = 'removed';
        END""",
    ),
    (
        (
            "CREATE INDEX mails_aside ON mails (state, id)"
            " WHERE state <> 'queued' AND state <> 'sending' AND state <> 'sent'"
        ),
    ),
    (
        "ALTER TABLE mails ADD COLUMN rich BOOLEAN NOT NULL DEFAULT FALSE",
        """CREATE TABLE extras (
            mail_id TEXT NOT NULL PRIMARY KEY REFERENCES mails (id) ON DELETE CASCADE,
            html TEXT,
            reply_to TEXT
        )""",
        """CREATE TABLE attachments (
            mail_id TEXT NOT NULL REFERENCES mails (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            name TEXT NOT NULL,
            type TEXT NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (mail_id, number)
        )""",
    ),
    (
        "ALTER TABLE mails DROP COLUMN published_at",
        "ALTER TABLE mails ADD COLUMN published BOOLEAN NOT NULL DEFAULT FALSE",
        "DROP INDEX mails_due",
        "CREATE INDEX mails_due ON mails (due_at, state, published) WHERE due_at IS NOT NULL",
        """CREATE TABLE confirms (
            mail_id TEXT NOT NULL PRIMARY KEY REFERENCES mails (id) ON DELETE CASCADE,
            confirmed_at BIGINT NOT NULL
        ) WITHOUT ROWID""",
    ),
)


def upgrade(connection: Connection) -> None:
    """Bring the database to the newest version, within the transaction of `connection`.

    Raises:
        SchemaTooNewError: if a newer program has been here.
    """
    connection.execute(text("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)"))
    version = connection.execute(text("SELECT version FROM schema_version")).scalar()
    if version is None:
        version = 0
        connection.execute(text("INSERT INTO schema_version VALUES (0)"))
    if version > len(STEPS):
        raise SchemaTooNewError(version, len(STEPS))
    for step in STEPS[version:]:
        for statement in step:
            connection.execute(text(statement))
    if version < len(STEPS):
        connection.execute(text("UPDATE schema_version SET version = :version"), {"version": len(STEPS)})
