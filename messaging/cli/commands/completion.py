"""`completion`: what makes a shell complete commands and options."""

import argparse
from typing import Final

#: Shells whose completion can be made.
_SHELLS: Final = ("bash", "zsh")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=_SHELLS, help="bash or zsh")
    parser.epilog = f'in ~/.bashrc:  eval "$(messaging completion bash)"\n\n{parser.epilog}'
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import shtab  # nobody else needs it

    from messaging.cli.main import make_parser

    print(shtab.complete(make_parser(), shell=options.shell))
