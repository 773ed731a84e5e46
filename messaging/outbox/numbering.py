"""Numbers of attempts, in their order: none is given twice, also where those of the newest attempts were removed."""

from typing import Final

from sqlalchemy import Connection, func, literal, select
from sqlalchemy.dialects.sqlite import insert

from messaging.outbox.schema import attempts, totals

#: Where it is kept how high they have been; there is none while nothing was removed.
_NAME: Final = "attempts"

_HIGHEST: Final = func.coalesce(select(func.max(attempts.c.id)).scalar_subquery(), 0)
_HIGHEST_REMOVED: Final = func.coalesce(select(totals.c.ever).where(totals.c.name == _NAME).scalar_subquery(), 0)

#: Writes an attempt down, under the next number.
INSERT: Final = insert(attempts).values(id=func.max(_HIGHEST, _HIGHEST_REMOVED) + 1)

_NOTE = insert(totals).from_select(
    [totals.c.name, totals.c.now, totals.c.ever], select(literal(_NAME), literal(0), _HIGHEST).where(literal(1) == 1)
)
_NOTE = _NOTE.on_conflict_do_update(
    index_elements=[totals.c.name], set_={"ever": func.max(totals.c.ever, _NOTE.excluded.ever)}
)


def note_highest(connection: Connection) -> None:
    """Keep in mind how high the numbers are, within the transaction that removes attempts, before it does."""
    connection.execute(_NOTE)
