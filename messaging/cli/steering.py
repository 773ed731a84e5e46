"""What `retry` and `cancel` have in common: one mail by its id, or all of a selection."""

import argparse
from dataclasses import replace

from messaging.cli.arguments import add_json, add_selection
from messaging.cli.connecting import connected
from messaging.cli.errors import INTERRUPTED, AwayError, UsageError
from messaging.cli.interrupts import Interrupts
from messaging.cli.output import print_json, print_line, say
from messaging.cli.progress import progress
from messaging.cli.service import Deed, Selection, Service, Some
from messaging.cli.words import state_words
from messaging.outbox.steering import MOST_AT_ONCE

#: What has been done to a mail then.
_DONE: dict[Deed, str] = {"cancel": "canceled", "retry": "retried"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", help="of one mail")
    add_selection(parser)
    parser.add_argument("--all", action="store_true", help="all that it can be done to")
    parser.add_argument("--dry-run", action="store_true", help="only count those of a selection")
    add_json(parser)


def run(options: argparse.Namespace, deed: Deed) -> None:
    """Do a deed to what the options say.

    Raises:
        UsageError: if they say nothing, or two things.
    """
    selection = Selection(options.state, options.to, options.before)
    some = bool(selection.parameters()) or options.all
    if bool(options.id) == some:
        raise UsageError("one of the two: an ID, or which mails are meant (--state, --to, --before, --all)")
    if options.id and options.dry_run:
        raise UsageError("--dry-run is for a selection")
    with connected() as service:
        if options.id:
            mail = service.steer(deed, options.id)
            _show(f"{mail['id']} {state_words(mail)}", mail, options)
        elif options.dry_run:
            count = service.count(deed, selection)["left"]
            _show(f"{count} mails would be {_DONE[deed]}", {"dry_run": True, "changed": 0, "left": count}, options)
        else:
            _steer_all(service, deed, selection, options)


def _steer_all(service: Service, deed: Deed, selection: Selection, options: argparse.Namespace) -> None:
    """Do a deed to many mails; Ctrl-C ends that between two transactions, and a second one at once.

    Raises:
        SystemExit: with that code when it is interrupted.
        AwayError: if it cannot go on; what was done by then is told.
    """
    counted = service.count(deed, selection)
    total = left = counted["left"]
    # Those that were there then, and no more: others may come, and what is tried again may be back at once.
    bound = replace(selection, before=counted["before"])
    after, changed, trouble = None, 0, ""
    with Interrupts() as interrupts, progress(total, _DONE[deed]) as advance:
        while left and changed < total and not interrupts.came:
            before = changed

            def told(so_far: int, before: int = before) -> None:
                nonlocal changed
                advance(before + so_far - changed)
                changed = before + so_far
                interrupts.check()

            try:
                some = Some(bound, min(MOST_AT_ONCE, total - changed), left, after)
                steered = service.steer_all(deed, some, told)
            except KeyboardInterrupt:
                break
            except AwayError as error:
                if not changed:
                    raise
                left, trouble = None, str(error)
            else:
                left, after, trouble = steered["left"], steered["after"], steered.get("trouble", "")
    if interrupts.came and not trouble:
        say("interrupted; the others are as they were")
        left = service.count(deed, bound)["left"]
    _tell(deed, changed, left, options)
    if trouble:
        raise AwayError(trouble)
    if interrupts.came:
        raise SystemExit(INTERRUPTED)


def _tell(deed: Deed, changed: int, left: int | None, options: argparse.Namespace) -> None:
    line = f"{changed} mails {_DONE[deed]}, {'others may be' if left is None else left} left"
    _show(line, {"dry_run": False, "changed": changed, "left": left}, options)


def _show(line: str, document: object, options: argparse.Namespace) -> None:
    if options.json:
        print_json(document)
    else:
        print_line(line)
