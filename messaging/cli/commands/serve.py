"""`serve`: the web process."""

import argparse

from config.start import service_settings_or_exit
from messaging.serve import serve


def configure(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_run)


def _run(_options: argparse.Namespace) -> None:
    serve(service_settings_or_exit())
