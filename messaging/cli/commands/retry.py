"""`retry`: one mail, or all of a selection."""

import argparse

from messaging.cli import steering


def configure(parser: argparse.ArgumentParser) -> None:
    steering.configure(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    steering.run(options, "retry")
