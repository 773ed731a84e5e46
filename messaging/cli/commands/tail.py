"""`tail`: a line for each of the newest mails, and one each time that something becomes of it."""

import argparse
import time
from typing import Final

from config import values
from messaging.cli.arguments import add_json, argument
from messaging.cli.connecting import connected
from messaging.cli.errors import AwayError
from messaging.cli.following import Following
from messaging.cli.output import print_json, print_line, say
from messaging.cli.service import Document
from messaging.cli.words import last_words

#: How often is looked, in seconds.
_LOOK_EVERY_S: Final = 1.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n",
        dest="lines",
        metavar="NUMBER",
        type=argument(values.integer(0, 200)),
        default="10",
        help="of so many mails what is known at the start (%(default)s)",
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    show = print_json if options.json else _print
    with connected() as service:
        following = Following(service)
        for mail in following.start(options.lines):
            show(mail)
        away = False
        while True:
            time.sleep(_LOOK_EVERY_S)
            try:
                news = following.look()
            except AwayError as error:
                if not away:
                    say(f"{error}; it is asked every second")
                away = True
                continue
            away = False
            for mail in news:
                show(mail)


def _print(mail: Document) -> None:
    at = mail["finished_at"] or (mail["last_attempt"] or {}).get("started_at") or mail["created_at"]
    words = f": {last_words(mail)}" if mail["last_attempt"] else ""
    print_line(f"{at} {mail['id']} {mail['state']} {mail['to']} {mail['subject']}{words}")
