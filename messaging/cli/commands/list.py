"""`list`: the mails, the newest first."""

import argparse
import sys
from typing import Any

from config import values
from messaging.cli.arguments import add_json, add_selection, argument
from messaging.cli.connecting import connected
from messaging.cli.output import print_json, print_table
from messaging.cli.paging import newest
from messaging.cli.service import Document, Selection
from messaging.cli.words import last_words


def configure(parser: argparse.ArgumentParser) -> None:
    add_selection(parser)
    parser.add_argument(
        "--limit",
        metavar="NUMBER",
        type=argument(values.integer(1, 1_000_000)),
        default="50",
        help="how many at the most (%(default)s)",
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with connected() as service:
        mails, following = newest(service, Selection(options.state, options.to, options.before), options.limit)
    if options.json:
        document: dict[str, Any] = {"emails": mails, "next": following}
        print_json(document)
    elif mails:
        print_table(["ID", "STATE", "ACCEPTED UTC", "TO", "SUBJECT", "LAST WORDS"], [_row(mail) for mail in mails])


def _row(mail: Document) -> list[str]:
    accepted = str(mail["created_at"])
    # A terminal is narrow: 2026-11-21T18:19:24.077Z is 11-21 18:19 there.
    shown = accepted[5:16].replace("T", " ") if sys.stdout.isatty() else accepted
    return [mail["id"], mail["state"], shown, mail["to"], mail["subject"], last_words(mail)]
