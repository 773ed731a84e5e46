"""Finds in a log record the ids of the mail and of the request that it is about."""

import logging
import re
from functools import lru_cache
from typing import Final

#: What every message of ours calls them, right before the id.
_NAMED: Final = re.compile(r"\b(mail|request) %s")

#: Anything that takes an argument.
_PLACE: Final = re.compile(r"%[^%]*?[a-zA-Z]|%%")


def ids_of(record: logging.LogRecord) -> dict[str, str]:
    """The ids, as `mail_id` and `request_id`, of those that the record names.

    They are read off the arguments, and never searched for in the text: that may hold words that came from elsewhere.
    """
    if not isinstance(record.args, tuple):
        return {}
    return {name: str(record.args[at]) for name, at in _places(str(record.msg)) if at < len(record.args)}


@lru_cache(maxsize=256)
def _places(message: str) -> tuple[tuple[str, int], ...]:
    """Which arguments of a message are ids; messages are few, and known when the program is written."""
    arguments = [place.start() for place in _PLACE.finditer(message) if place[0] != "%%"]
    return tuple((f"{named[1]}_id", arguments.index(named.end() - 2)) for named in _NAMED.finditer(message))
