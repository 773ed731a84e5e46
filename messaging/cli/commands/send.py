"""`send`: one mail, with a text from an argument, a file or standard input."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from config import values
from messaging.cli.arguments import add_json, argument
from messaging.cli.connecting import connected
from messaging.cli.errors import FAILED, UsageError
from messaging.cli.output import print_json, print_line, say
from messaging.cli.service import Document
from messaging.cli.waiting import wait_for
from messaging.cli.words import accepted_words, state_words

#: Standard input, where a file's name is expected.
_STDIN: Final = "-"

_WENT_OUT: Final = ("sent", "tested")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="whom the mail is for")
    parser.add_argument("text", metavar="TEXT", nargs="?", help="what it says; standard input without, or with -")
    parser.add_argument("--file", metavar="PATH", help="the text is in this file")
    parser.add_argument("--subject", metavar="WORDS", help="GREETING_SUBJECT without")
    parser.add_argument("--wait", action="store_true", help="until the mail went out: 0, or was refused: 1")
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=argument(values.positive_duration),
        default="10m",
        help="how long to wait at the most (%(default)s); it is tried further all the same",
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    mail = {"to": options.address, "text": _text(options)}
    if options.subject is not None:
        mail["subject"] = _readable(os.fsencode(options.subject))
    with connected(anew=True) as service:
        accepted = service.send(mail)
        if not options.wait:
            _show(accepted, accepted_words(accepted), options)
            return
        told = wait_for(service, accepted, options.timeout)
    _show(told, f"{told['id']} {state_words(told)}", options)
    if told["state"] not in _WENT_OUT:
        raise SystemExit(FAILED)


def _text(options: argparse.Namespace) -> str:
    """What the mail says.

    Raises:
        UsageError: if it cannot be read, or is given twice.
    """
    if options.text not in (None, _STDIN) and options.file is not None:
        raise UsageError("TEXT and --file both say what the mail says")
    if options.text not in (None, _STDIN):
        return _readable(os.fsencode(options.text))
    try:
        if options.file not in (None, _STDIN):
            return _readable(Path(options.file).read_bytes())
        if sys.stdin.isatty():
            say("the text is read from the terminal, Ctrl-D ends it")
        return _readable(sys.stdin.buffer.read())
    except OSError as error:
        raise UsageError(f"{options.file or 'standard input'} cannot be read ({error.strerror})") from None


def _readable(content: bytes) -> str:
    """A text of it, whatever it is: a report must not be lost for one byte of a log that it quotes."""
    return content.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _show(mail: Document, line: str, options: argparse.Namespace) -> None:
    if options.json:
        print_json(mail)
    else:
        print_line(line)
