"""What few mails have, kept beside them: HTML, an address for answers, attachments."""

import json
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, insert, select

from messaging.outbox.among import among
from messaging.outbox.records import Attachment, Extras
from messaging.outbox.schema import attachments, extras

_EXTRAS: Final = select(extras.c.mail_id, extras.c.html, extras.c.reply_to).where(among(extras.c.mail_id, "ids"))
_ATTACHMENTS: Final = (
    select(attachments.c.mail_id, attachments.c.name, attachments.c.type, attachments.c.content)
    .where(among(attachments.c.mail_id, "ids"))
    .order_by(attachments.c.mail_id, attachments.c.number)
)


def write_extras(connection: Connection, of: Iterable[tuple[str, Extras]]) -> None:
    """Store what mails have beside their texts, by the mails' ids, in the transaction that stores the mails."""
    for mail_id, each in of:
        connection.execute(insert(extras), {"mail_id": mail_id, "html": each.html, "reply_to": each.reply_to})
        rows = [
            {"mail_id": mail_id, "number": number, "name": one.name, "type": one.type, "content": one.content}
            for number, one in enumerate(each.attachments)
        ]
        if rows:
            connection.execute(insert(attachments), rows)


def read_extras(connection: Connection, mail_ids: Sequence[str]) -> dict[str, Extras]:
    """What mails have beside their texts, by their ids."""
    ids = {"ids": json.dumps(mail_ids)}
    enclosed: dict[str, list[Attachment]] = {}
    for row in connection.execute(_ATTACHMENTS, ids):
        enclosed.setdefault(row.mail_id, []).append(Attachment(row.name, row.type, row.content))
    return {
        row.mail_id: Extras(row.html, row.reply_to, tuple(enclosed.get(row.mail_id, ())))
        for row in connection.execute(_EXTRAS, ids)
    }
