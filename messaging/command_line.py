"""The command line: `python -m messaging COMMAND`."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from config import values
from config.settings import Settings
from config.start import FAILED, USED_WRONGLY, exit_with, service_settings_or_exit, settings_or_exit
from config.values import is_one_line
from messaging.addresses import is_among, parse_recipient
from messaging.doctor.examination import as_json, examine
from messaging.draft import Draft, check_subject, check_text
from messaging.errors import InvalidError
from messaging.keys import Key, KeyExistsError, Keys, UnknownKeyError
from messaging.links import Links
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxError
from messaging.outbox.secret import DatabaseSecret
from messaging.serve import serve
from messaging.timestamps import optional_timestamp, timestamp

T = TypeVar("T")

#: Characters of a key's name.
_MOST_NAME: Final = 100

#: Characters of a link: with a few more Nginx, and others on the way, refuse it.
_MOST_LINK: Final = 8000

_EXAMPLES = """\
examples:
  python -m messaging serve             run the service
  python -m messaging key add backup    make an API key; the last word printed is the key
  python -m messaging key add shop --limit 100/h --to @example.com
                                        one that sends 100 mails an hour, and to that domain only
  python -m messaging key add ci --test one whose mails go through everything but the relay
  python -m messaging key revoke backup
  python -m messaging doctor            look at every part, and say what is wrong and what to do
  python -m messaging link me@example.com --expires 7d --at https://NAME.ngrok-free.app
                                        a URL that sends one mail, the greeting, without a key
"""


def main(arguments: list[str] | None = None) -> None:
    """Run one command.

    Args:
        arguments: those of the process if not given.
    """
    options = _parser().parse_args(arguments)
    options.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="messaging",
        description="One curl, one e-mail, never lost.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser("serve", help="run the web process, with workers inside if BROKER_URL is memory://")
    command.set_defaults(run=_serve)
    key_commands = commands.add_parser("key", help="API keys").add_subparsers(metavar="COMMAND", required=True)
    command = _add(key_commands, "add", _add_key, "make a key and print it, once")
    command.add_argument("name", metavar="NAME", type=_argument(_name), help="what the key is for")
    command.add_argument("--limit", metavar="RATE", type=_argument(values.rate), help="such as 100/h; no limit without")
    command.add_argument(
        "--to",
        metavar="RECIPIENTS",
        type=_argument(_recipients),
        action="extend",
        default=[],
        help="comma-separated addresses and @domains; all without",
    )
    command.add_argument("--test", action="store_true", help="its mails go through everything but the relay")
    _add(key_commands, "first", _add_first_key, "make a key if there is none, and print a link to the page with it")
    _add(key_commands, "list", _list_keys, "what is known of all keys")
    command = _add(key_commands, "revoke", _revoke_key, "make a key worthless")
    command.add_argument("name", metavar="NAME", help="as it was added")
    command = _add(commands, "doctor", _doctor, "look at every part, and say what is wrong and what to do")
    command.add_argument("--send", metavar="ADDRESS", help="also send a mail, the greeting, and wait for it")
    command.add_argument(
        "--url", metavar="URL", type=_argument(_url), help="also see that this leads here, past which proxies"
    )
    command = _add(commands, "link", _link, "make a URL that sends one mail without a key")
    command.add_argument("address", metavar="ADDRESS", help="whom the mail is for")
    command.add_argument(
        "--expires",
        metavar="DURATION",
        type=_argument(values.positive_duration),
        default="7d",
        help="how long the URL works (%(default)s)",
    )
    command.add_argument("--subject", help="GREETING_SUBJECT without")
    command.add_argument("--text", help="GREETING_TEXT without")
    command.add_argument("--at", metavar="URL", help="where clients reach the service; LISTEN without")
    return parser


def _add(commands: Any, name: str, run: Callable[[argparse.Namespace], None], about: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=about)
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=run)
    return command


def _argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A parser of settings as one of arguments."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f'"{text}" cannot be used; allowed: {error}') from None

    return parsed


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


def _serve(_options: argparse.Namespace) -> None:
    serve(service_settings_or_exit())


def _add_key(options: argparse.Namespace) -> None:
    with _database(settings_or_exit()) as database:
        key = Keys(database).add(options.name, rate=options.limit, recipients=options.to, test=options.test)
    _print(f"key of {options.name}: {key}", {"name": options.name, "key": key}, options)
    print("It is shown only now: the service keeps a digest of it.", file=sys.stderr)


def _add_first_key(options: argparse.Namespace) -> None:
    settings = settings_or_exit()
    with _database(settings) as database:
        keys = Keys(database)
        key = None if keys.list() else keys.add("first")
    # Behind the `#`, where neither a server nor its log sees it.
    url = f"http://{settings.listen}/#key={key}" if key else None
    words = f"Open this in a browser; the key in it is shown only now:\n  {url}" if key else ""
    _print(words, {"url": url, "key": key}, options)


def _list_keys(options: argparse.Namespace) -> None:
    with _database(settings_or_exit()) as database:
        keys = Keys(database).list()
    _print("\n".join(map(_line, keys)), [_document(key) for key in keys], options)


def _revoke_key(options: argparse.Namespace) -> None:
    with _database(settings_or_exit()) as database:
        Keys(database).revoke(options.name)
    _print(f"revoked {options.name}", {"name": options.name, "revoked": True}, options)


def _link(options: argparse.Namespace) -> None:
    settings = settings_or_exit()
    draft = _draft(options, settings)
    with _database(settings) as database:
        token = Links(DatabaseSecret(database)).make(draft, options.expires)
    url = f"{(options.at or f'http://{settings.listen.reachable}').rstrip('/')}/?link={token}"
    if len(url) > _MOST_LINK:
        exit_with(f"a link has at most {_MOST_LINK} characters, this one {len(url)}", USED_WRONGLY)
    _print(url, {"url": url, "to": draft.recipient}, options)


def _doctor(options: argparse.Namespace) -> None:
    findings = []
    for finding in examine(options.url, options.send and _recipient(options.send)):
        findings.append(finding)
        if not options.json:
            print(finding, flush=True)
    if options.json:
        print(as_json(findings))
    if not all(finding.ok for finding in findings):
        raise SystemExit(FAILED)


def _recipient(text: str) -> str:
    try:
        return parse_recipient(text, "ADDRESS")
    except InvalidError as error:
        exit_with(error, USED_WRONGLY)


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("http://… or https://…")
    return text


def _draft(options: argparse.Namespace, settings: Settings) -> Draft:
    try:
        recipient = _recipient(options.address)
        subject = check_subject(settings.greeting_subject if options.subject is None else options.subject)
        text = check_text(settings.greeting_text if options.text is None else options.text)
    except InvalidError as error:
        exit_with(error, USED_WRONGLY)
    if not is_among(recipient, settings.allowed_recipients):
        exit_with("ADDRESS: not among ALLOWED_RECIPIENTS, the link would be refused", USED_WRONGLY)
    return Draft(recipient, subject, text)


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """The database, made or brought up to date; what goes wrong with it ends the command."""
    database = Database(settings.database_url)
    try:
        database.upgrade()
        yield database
    except (OutboxError, KeyExistsError, UnknownKeyError) as error:
        exit_with(error)
    finally:
        database.close()


def _print(line: str, document: object, options: argparse.Namespace) -> None:
    text = json.dumps(document) if options.json else line
    if text:
        print(text)


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
