"""Root of the commands: finds the one that is asked for, runs it, and says in one line why it failed."""

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from config.errors import MessagingError, SettingError
from config.values import as_one_line
from messaging.cli.errors import EXIT_CODES, FAILED, INTERRUPTED, NOBODY_READS, USED_WRONGLY, CommandError

#: Each command is a module of that name in `messaging.cli.commands`, of which only the one in hand is imported.
COMMANDS: Final[Mapping[str, str]] = {
    "serve": "run the web process, with workers inside if BROKER_URL is memory://",
    "send": "send a mail",
    "sendmail": "send what a program would hand to sendmail: options and exit codes are those",
    "status": "how all of it stands, or one mail",
    "list": "the mails, the newest first",
    "tail": "the newest mails, and what becomes of them, until Ctrl-C",
    "retry": "have one mail tried again now, or all of a selection",
    "cancel": "withdraw one mail, or all of a selection",
    "resend": "send a mail as another one was, with an id of its own",
    "prune": "remove mails that have been finished for long enough",
    "key": "API keys",
    "link": "make a URL that sends one mail without a key, or revoke all of them",
    "doctor": "look at every part, and say what is wrong and what to do",
    "completion": "print what makes a shell complete all of this",
}

#: Takes its arguments as the classic program does, and so not by argparse.
_SENDMAIL: Final = "sendmail"

_MORE: Final = f"""\
examples:
  python -m messaging serve             run the service
  echo "42 GB in 3 min" | python -m messaging send me@example.com --subject "Backup done" --wait
                                        ends when the mail went out: 0, or 1 with the relay's words
  python -m messaging list --state failed
  python -m messaging retry --state failed --to @example.com --dry-run
  python -m messaging key add backup    make an API key; the last word printed is the key
  python -m messaging link me@example.com --expires 7d --at https://NAME.ngrok-free.app
                                        a URL that sends one mail, the greeting, without a key
  python -m messaging doctor            look at every part, and say what is wrong and what to do

Each command has a --help of its own. All work on the database of the settings of this folder; with MESSAGING_URL and
MESSAGING_KEY set, send, sendmail, status, list, tail, retry, cancel and resend ask that service instead.

{EXIT_CODES}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command.

    Args:
        arguments: those of the process if not given.

    Raises:
        SystemExit: with the exit code, if that is not 0.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    _open_missing()
    _write_anything()
    try:
        try:
            _run(arguments)
        finally:
            # Here, where it can still be told that nobody reads it.
            sys.stdout.flush()
    except SettingError as error:
        _exit(error, USED_WRONGLY)
    except CommandError as error:
        _exit(error, error.exit_code)
    except MessagingError as error:
        _exit(error, FAILED)
    except BrokenPipeError:
        # Python would try once more at its end, and complain.
        _drop_output()
        raise SystemExit(NOBODY_READS) from None
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _drop_output()
        _exit(f"the output cannot be written ({error.strerror})", FAILED)
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


def make_parser(wanted: Collection[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser of all commands, those that are wanted with their arguments."""
    parser = argparse.ArgumentParser(
        prog="messaging",
        description="One curl, one e-mail, never lost.",
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, about in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(parser=command)
        if name in wanted and name != _SENDMAIL:
            _module(name).configure(command)
    return parser


def _run(arguments: Sequence[str]) -> None:
    if arguments and arguments[0] == _SENDMAIL:
        _module(_SENDMAIL).run(arguments[1:])
        return
    # Options that stand before a command are --help alone.
    options, unknown = make_parser(arguments[:1]).parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    options.run(options)


def _open_missing() -> None:
    """Open what a daemon may have closed: a file that is opened later must not become standard output."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _write_anything() -> None:
    """Have letters that a stream's encoding lacks replaced: in a locale without UTF-8 they would end the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _module(name: str) -> Any:
    return importlib.import_module(f"messaging.cli.commands.{name}")


def _exit(error: MessagingError | str, code: int) -> None:
    print(f"messaging: {as_one_line(str(error))}", file=sys.stderr, flush=True)
    raise SystemExit(code)
