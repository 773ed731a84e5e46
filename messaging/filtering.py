"""Which mails a request means: its parameters `state`, `to` and `before`."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from messaging.addresses import parse_recipient
from messaging.errors import InvalidError
from messaging.outbox.filters import Filter, Scope
from messaging.outbox.ids import is_id
from messaging.outbox.states import State

NAMES: Final = ("state", "to", "before")

#: The parameters whose `+` is a plus.
ADDRESSES: Final = ("to",)


def parse_filter(texts: Mapping[str, str], scope: Scope) -> Filter:
    """Read a filter.

    Args:
        texts: the request's parameters, others among them.
        scope: what the caller may see.

    Raises:
        InvalidError: with the parameter and the reason.
    """
    before = parse_id(texts, "before")
    state, recipient = texts.get("state"), texts.get("to")
    return Filter(
        None if state is None else _state(state), None if recipient is None else _recipient(recipient), before, scope
    )


def parse_id(texts: Mapping[str, str], name: str) -> str | None:
    """Read a parameter that is the id of a mail; None if it is not there.

    Raises:
        InvalidError: if it is something else.
    """
    text = texts.get(name)
    if text is not None and not is_id(text):
        raise InvalidError("must be the id of a mail", field=name)
    return text


def next_url(wanted: Filter, before: str, limit: int) -> str:
    """Where the page after this one is."""
    names = {"state": wanted.state, "to": wanted.recipient, "limit": limit, "before": before}
    return f"/v1/emails?{urlencode({name: value for name, value in names.items() if value is not None}, safe='@')}"


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        raise InvalidError(f"must be one of {', '.join(State)}", field="state") from None


def _recipient(text: str) -> str:
    """An address, or an `@domain`."""
    if text.startswith("@"):
        return parse_recipient(f"x{text}", "to")[1:]
    return parse_recipient(text, "to")
