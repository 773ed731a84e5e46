"""`sendmail`: takes messages as the classic program does, from cron, smartd, unattended-upgrades and the like."""

import getopt
import os
import socket
import sys
from collections.abc import Sequence
from typing import Final

from config import values
from config.errors import MessagingError, SettingError
from config.values import as_one_line
from messaging.cli.classic import Classic, addresses, read_message, until_dot
from messaging.cli.connecting import connected, environment_here
from messaging.cli.errors import CommandError, NoUserError, UsageError

_HELP: Final = """\
usage: messaging sendmail [-t] [-i] [OPTION…] [ADDRESS…]

Reads one message from standard input, and has it accepted for each address as a mail of its own, which names nobody
else: Bcc is no part of it. Subject, text, HTML, files and Reply-To are sent; the sender is MAIL_FROM, whatever the
message or an option says. Names without a domain, or with this machine's, are looked up in ALIASES.

  -t         also to those whom To, Cc and Bcc name
  -i, -oi    a line with nothing but a dot is not the end
  -f, -F, -r, -B, -N, -O, -R, -V, -X, -o…, -bm, -G, -U, -n, -v    taken and not needed

exit codes (sysexits.h): 0 accepted for all, 64 used wrongly, 65 an address or the message cannot be used, 67 no such
local name, 69 the service cannot be understood, 70 it has a fault, 74 the message cannot be read, 75 the service is
away: try again, 77 not allowed, 78 a setting or the key is wrong. Where several addresses fail it is the first one's.
"""

_OPTIONS: Final = "tinvUGf:F:r:o:b:B:N:O:R:V:X:h"

#: Where the domain of a local name is this machine's.
_LOCALHOST: Final = ("", "localhost", "localhost.localdomain")

#: Bytes of a message that are read: far more than any mail may have.
_MOST: Final = 64 * 1024 * 1024


def run(arguments: Sequence[str]) -> None:
    """Do what the classic program does; what is wrong is said in one line each.

    Raises:
        SystemExit: with a code of <sysexits.h>, if that is not 0.
    """
    if "--help" in arguments or list(arguments) == ["-h"]:
        print(_HELP, end="")
        return
    try:
        code = _send(arguments)
    except CommandError as error:
        code = _say(error, error.sysexit)
    except SettingError as error:
        code = _say(error, os.EX_CONFIG)
    except MessagingError as error:
        code = _say(error, os.EX_SOFTWARE)
    except OSError as error:
        code = _say(error, os.EX_IOERR)
    if code:
        raise SystemExit(code)


def _send(arguments: Sequence[str]) -> int:
    """Send what is on standard input; returns the exit code."""
    options, named = _parsed(arguments)
    names = dict(options)
    if names.get("-b", "m") != "m":
        raise UsageError(f"-b{names['-b']}: only messages are taken here (-bm)")
    recipients = addresses(named)
    if not recipients and "-t" not in names:
        raise UsageError("nobody is named; -t reads recipients out of the message")
    message = sys.stdin.buffer.read(_MOST)
    ends_at_dot = "-i" not in names and "i" not in [value for name, value in options if name == "-o"]
    classic = read_message(until_dot(message) if ends_at_dot else message)
    if "-t" in names:
        recipients = list(dict.fromkeys([*recipients, *classic.recipients]))
    if not recipients:
        raise UsageError("the message names nobody in To, Cc or Bcc")
    return _send_to(recipients, classic)


def _parsed(arguments: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    try:
        return getopt.gnu_getopt(list(arguments), _OPTIONS)
    except getopt.GetoptError as error:
        raise UsageError(f"{error}; see sendmail --help") from None


def _send_to(recipients: Sequence[str], classic: Classic) -> int:
    aliases = values_of_aliases()
    code = os.EX_OK
    with connected() as service:
        for recipient in recipients:
            try:
                to = resolve(recipient, aliases)
                service.send({**classic.mail, "to": to}, classic.key_for(to))
            except CommandError as error:
                told = _say(f"{recipient}: {error}", error.sysexit)
                code = code or told
    return code


def values_of_aliases() -> dict[str, str]:
    """Whose local names are: the one setting that counts here, also where the service is elsewhere.

    Raises:
        SettingError: if it cannot be used.
    """
    text = environment_here().get("ALIASES", "")
    try:
        return dict(values.aliases(text))
    except ValueError as error:
        raise SettingError("ALIASES", f'"{text}" cannot be used', str(error)) from None


def resolve(recipient: str, aliases: dict[str, str]) -> str:
    """The address of a recipient, which may be a name of this machine.

    Raises:
        NoUserError: if it is such a name, and nobody's.
    """
    name, _, domain = recipient.rpartition("@") if "@" in recipient else (recipient, "", "")
    if domain.lower() not in (*_LOCALHOST, socket.gethostname().lower()):
        return recipient
    address = aliases.get(name.lower(), aliases.get("*"))
    if address:
        return address
    if "." in domain:
        # A machine may be named as its mail domain is.
        return recipient
    raise NoUserError(f"no such local name; ALIASES={name}=ADDRESS says whose it is")


def _say(error: MessagingError | OSError | str, code: int) -> int:
    print(f"messaging: {as_one_line(str(error))}", file=sys.stderr, flush=True)
    return code
