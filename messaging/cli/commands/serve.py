"""`serve`: the web process."""

import argparse

from config.start import service_settings_or_exit
from messaging.serve import serve


def configure(parser: argparse.ArgumentParser) -> None:
    about = "once it listens, make a key if there is none, and print a link to the page with it"
    parser.add_argument("--first-key", action="store_true", help=about)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    serve(service_settings_or_exit(), first_key=options.first_key)
