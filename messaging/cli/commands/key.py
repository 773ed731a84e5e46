"""`key`: API keys are made, listed and revoked."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from config import values
from config.settings import Settings
from config.values import is_one_line
from messaging.cli.arguments import add_json, argument
from messaging.cli.connecting import environment_here, only_here
from messaging.cli.local import opened
from messaging.cli.output import print_json, say
from messaging.keys import Key, Keys
from messaging.timestamps import optional_timestamp, timestamp

#: Characters of a key's name.
_MOST_NAME: Final = 100


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = _add(commands, "add", _add_key, "make a key and print it, once")
    command.add_argument("name", metavar="NAME", type=argument(_name), help="what the key is for")
    command.add_argument("--limit", metavar="RATE", type=argument(values.rate), help="such as 100/h; no limit without")
    command.add_argument(
        "--to",
        metavar="RECIPIENTS",
        type=argument(_recipients),
        action="extend",
        default=[],
        help="comma-separated addresses and @domains; all without",
    )
    command.add_argument("--test", action="store_true", help="its mails go through everything but the relay")
    _add(commands, "list", _list_keys, "what is known of all keys")
    command = _add(commands, "revoke", _revoke_key, "make a key worthless")
    command.add_argument("name", metavar="NAME", help="as it was added")


def _add(commands: Any, name: str, run: Callable[[argparse.Namespace], None], about: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=about)
    add_json(command)
    command.set_defaults(run=run)
    return command


def _name(text: str) -> str:
    if not text.strip() or len(text) > _MOST_NAME or not is_one_line(text):
        raise ValueError(f"one line of at most {_MOST_NAME} characters")
    return text


def _recipients(text: str) -> tuple[str, ...]:
    recipients = values.recipients(text)
    if not recipients:
        # A script whose variable is not set must not make a key that may send to all.
        raise ValueError("addresses and @domains separated by commas")
    return recipients


def _add_key(options: argparse.Namespace) -> None:
    with _keys() as keys:
        key = keys.add(options.name, rate=options.limit, recipients=options.to, test=options.test)
    _show(f"key of {options.name}: {key}", {"name": options.name, "key": key}, options)
    say("it is shown only now: the service keeps a digest of it")


def _list_keys(options: argparse.Namespace) -> None:
    with _keys() as keys:
        found = keys.list()
    _show("\n".join(map(_line, found)), [_document(key) for key in found], options)


def _revoke_key(options: argparse.Namespace) -> None:
    with _keys() as keys:
        keys.revoke(options.name)
    _show(f"revoked {options.name}", {"name": options.name, "revoked": True}, options)


@contextmanager
def _keys() -> Iterator[Keys]:
    only_here("key")
    with opened(Settings.load(environment_here())) as database:
        yield Keys(database)


def _show(lines: str, document: object, options: argparse.Namespace) -> None:
    if options.json:
        print_json(document)
    elif lines:
        print(lines)


def _line(key: Key) -> str:
    used = f"last used {timestamp(key.last_used_at)}" if key.last_used_at else "never used"
    words = [key.name, f"created {timestamp(key.created_at)}", used]
    if key.rate:
        words.append(f"limit {key.rate}")
    if key.recipients:
        words.append(f"to {' '.join(key.recipients)}")
    if key.test:
        words.append("test")
    return ", ".join(words)


def _document(key: Key) -> dict[str, Any]:
    return {
        "name": key.name,
        "created_at": timestamp(key.created_at),
        "last_used_at": optional_timestamp(key.last_used_at),
        "limit": str(key.rate) if key.rate else None,
        "to": list(key.recipients),
        "test": key.test,
    }
