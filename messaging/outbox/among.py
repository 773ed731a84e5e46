"""Statements about any number of rows: their ids are one parameter, a JSON array."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Update, bindparam, func, select


def among(column: Column[Any], values: str) -> ColumnElement[bool]:
    """Whether a column is among the values of a parameter, a JSON array.

    Such a statement is made once, for any number of them. A list of parameters is rendered anew each time (55 instead
    of 38 µs for a claim).
    """
    return column.in_(select(func.json_each(bindparam(values)).table_valued("value").c.value))


def update_among(connection: Connection, statement: Update, ids: Sequence[str], **values: object) -> None:
    """Run a statement for those that are among `ids`, if there are any.

    Args:
        connection: within a transaction.
        statement: what is changed.
        ids: of which rows.
        values: the statement's other parameters.
    """
    if ids:
        connection.execute(statement, {"ids": json.dumps(ids), **values})
