"""`prune`: what has been finished for long enough goes now, and not when a dispatcher has time for it."""

import argparse

from config import values
from config.settings import Settings
from messaging.cli.arguments import add_json, argument
from messaging.cli.connecting import environment_here, only_here
from messaging.cli.errors import UsageError
from messaging.cli.local import found
from messaging.cli.output import print_json, print_line
from messaging.cli.progress import progress
from messaging.outbox.clock import clock_ms
from messaging.outbox.retention import Retention


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--older-than",
        metavar="DURATION",
        type=argument(values.positive_duration),
        help="finished for longer than this; RETENTION without",
    )
    parser.add_argument("--dry-run", action="store_true", help="only count them")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    only_here("prune")
    settings = Settings.load(environment_here())
    keep_s = options.older_than or settings.retention_s
    if keep_s is None:
        raise UsageError("RETENTION is off: say --older-than")
    with found(settings) as database:
        # Those that are old enough now, and no more: beside steady traffic it would never end.
        now = clock_ms()
        retention = Retention(database, keep_s, lambda: now)
        total, removed = retention.count(), 0
        if not options.dry_run:
            with progress(total, "removed") as advance:
                while (batch := retention.remove()).rows:
                    advance(batch.mails)
                    removed += batch.mails
        left = retention.count() if removed else total
    if options.json:
        print_json({"dry_run": options.dry_run, "removed": removed, "left": left})
    else:
        print_line(f"{total} mails would be removed" if options.dry_run else f"{removed} mails removed")
