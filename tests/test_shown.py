"""What objects show of themselves, in a log, an error or a debugger, may hold no text but what is listed here."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, Final, get_args, get_origin, get_type_hints

PACKAGES: Final = ("config", "messaging", "workers", "stack")

#: Texts that are nobody's and no secret, by class: ids, names that we or the operator gave, what is said by us.
SHOWN: Final = {
    "Count": {"before"},
    "Deed": {"done", "index"},
    "Due": {"publish", "waiting", "poison", "suspects"},
    "Edge": {"listen", "web", "tunnel"},
    "Endpoint": {"host"},
    "Filter": {"before"},
    "Finding": {"part", "words", "advice"},
    "Greeting": {"subject", "text"},
    "Key": {"name"},
    "Letter": {"id", "fields", "text", "html", "attachments"},  # of the mailbox that is there to be read
    "Link": {"id"},
    "Mail": {"id"},
    "Names": {"recipient", "subject", "text"},
    "Overview": {"queue_trouble"},
    "Page": {"before"},
    "Part": {"name", "command"},
    "Reached": {"instance"},
    "Remark": {"public"},
    "Reply": {"status", "headers"},
    "Answer": {"headers"},
    "Request": {"id", "method"},
    "Requirement": {"programs", "packages", "units", "answers"},
    "Selection": {"state", "before"},
    "Setting": {"name", "default", "about"},
    "Settings": {"greeting_subject", "greeting_text", "log_format", "log_level", "given"},
    "SmtpRelay": {"host"},
    "Some": {"after"},
    "Steered": {"after", "trouble"},
    "Use": {"about"},
    "Waiting": {"id"},
    "WorkerSeen": {"name", "host"},
    "_First": {"mail_id"},
    "_Status": {"state"},
    "_Waiter": {"mail_id"},
    "_Way": {"index"},
}


def modules() -> Iterator[str]:
    for package in PACKAGES:
        path = importlib.import_module(package).__path__
        yield from (found.name for found in pkgutil.walk_packages(path, f"{package}."))


def classes() -> Iterator[type]:
    """All that show their fields because nobody wrote what else to show."""
    for name in modules():
        # Importing a root starts something.
        if not name.endswith("__main__") and name != "workers.main":
            for thing in vars(importlib.import_module(name)).values():
                if isinstance(thing, type) and thing.__module__ == name and shows_its_fields(thing):
                    yield thing


def shows_its_fields(thing: type) -> bool:
    if dataclasses.is_dataclass(thing):
        return bool(thing.__dataclass_params__.repr)  # type: ignore[attr-defined]
    return hasattr(thing, "_fields")


def fields_shown(thing: type) -> set[str]:
    if dataclasses.is_dataclass(thing):
        return {field.name for field in dataclasses.fields(thing) if field.repr}
    return set(thing._fields)  # type: ignore[attr-defined]


def holds_text(hint: Any) -> bool:
    """Whether some of it may be any text; a class of ours is looked at by itself."""
    if get_origin(hint) is Callable:
        return False
    return hint in (str, bytes, object, Any) or any(holds_text(each) for each in get_args(hint))


def test_a_text_is_shown_only_where_somebody_said_that_it_may_be() -> None:
    texts: dict[str, set[str]] = {}
    for thing in classes():
        hints = get_type_hints(thing)
        texts.setdefault(thing.__name__, set()).update(name for name in fields_shown(thing) if holds_text(hints[name]))
    # Mark it repr=False, or list it above if it is nobody's; and take out what is gone.
    assert {name: fields for name, fields in texts.items() if fields} == SHOWN
