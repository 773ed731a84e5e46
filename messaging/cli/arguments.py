"""Parsers of arguments, made of those of settings; and the arguments that several commands have."""

import argparse
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def argument(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A parser of settings as one of arguments."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f'"{text}" cannot be used; allowed: {error}') from None

    return parsed


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_selection(parser: argparse.ArgumentParser) -> None:
    """What says which mails are meant."""
    parser.add_argument("--state", metavar="STATE", help="those of a state, such as failed")
    parser.add_argument("--to", metavar="RECIPIENT", help="those to an address, or to all of an @domain")
    parser.add_argument("--before", metavar="ID", help="those that were accepted before this one")
