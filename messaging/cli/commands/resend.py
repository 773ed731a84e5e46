"""`resend`: a mail as another one was."""

import argparse

from messaging.cli.arguments import add_json
from messaging.cli.connecting import connected
from messaging.cli.output import print_json, print_line
from messaging.cli.words import accepted_words


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="of the other one, whatever became of it")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with connected() as service:
        accepted = service.resend(options.id)
    if options.json:
        print_json(accepted)
    else:
        print_line(accepted_words(accepted))
