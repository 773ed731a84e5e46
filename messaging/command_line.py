"""The command line: `python -m messaging COMMAND`."""

import argparse
import json
import sys

from config.start import exit_with, settings_or_exit
from messaging.keys import KeyExistsError, Keys
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxError
from messaging.serve import serve

_EXAMPLES = """\
examples:
  python -m messaging serve             run the service
  python -m messaging key add backup    make an API key; the last word printed is the key
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
    command = key_commands.add_parser("add", help="make a key and print it, once")
    command.add_argument("name", metavar="NAME", help="what the key is for")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_add_key)
    return parser


def _serve(_options: argparse.Namespace) -> None:
    serve(settings_or_exit())


def _add_key(options: argparse.Namespace) -> None:
    database = Database(settings_or_exit().database_url)
    try:
        database.upgrade()
        key = Keys(database).add(options.name)
    except (OutboxError, KeyExistsError) as error:
        exit_with(error)
    finally:
        database.close()
    print(json.dumps({"name": options.name, "key": key}) if options.json else f"key of {options.name}: {key}")
    print("It is shown only now: the service keeps a digest of it.", file=sys.stderr)
