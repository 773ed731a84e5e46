"""`status`: how all of it stands, or all that is known of one mail."""

import argparse
from collections.abc import Iterator

from messaging.cli.arguments import add_json
from messaging.cli.connecting import connected
from messaging.cli.output import print_json, print_line
from messaging.cli.service import Document
from messaging.cli.words import reply_words


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", help="of a mail; all of it without")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    with connected() as service:
        document = service.read(options.id) if options.id else service.overview()
    if options.json:
        print_json(document)
        return
    for name, words in _mail(document) if options.id else _overview(document):
        print_line(f"{name:<12} {words}")


def _mail(mail: Document) -> Iterator[tuple[str, str]]:
    yield "id", mail["id"]
    yield "state", f"{mail['state']}{', a test' if mail.get('test') else ''}"
    yield "to", mail["to"]
    for name, member in (
        ("from", "from"),
        ("subject", "subject"),
        ("accepted", "created_at"),
        ("published", "published_at"),
    ):
        if mail.get(member) is not None:
            yield name, mail[member]
    if mail["finished_at"]:
        yield "finished", mail["finished_at"]
    elif mail["due_at"]:
        yield "due", mail["due_at"]
    for attempt in mail.get("attempts", ()):
        took = f"{attempt['connect_ms']} + {attempt['transfer_ms']} ms"
        yield f"attempt {attempt['number']}", f"{attempt['started_at']}, {took}: {reply_words(attempt)}"
    if mail.get("remark"):
        yield "why", mail["remark"]


def _overview(overview: Document) -> Iterator[tuple[str, str]]:
    yield "mails", ", ".join(f"{count} {state}" for state, count in overview["states"].items() if count) or "none"
    if oldest := overview["oldest_waiting"]:
        yield "oldest", f"{oldest['id']}, {oldest['state']}, accepted {oldest['created_at']}"
    minutes, hours = overview["minutes"], overview["hours"]
    yield "last hour", f"{sum(minutes['sent'])} sent, {sum(minutes['failed'])} failed"
    yield "last 7 days", f"{sum(hours['sent'])} sent, {sum(hours['failed'])} failed"
    for role in ("workers", "dispatchers"):
        yield role, ", ".join(_seen(each) for each in overview[role]) or "none was seen"
        for each in overview.get("gone", {}).get(role, ()):
            yield "gone", f"{_seen(each)}, last seen {each['seen_at']}"
    hold = overview["hold"]
    told = hold and f"held since {hold['since']}: {hold['reason']}; tried again at {hold['probe_at']}"
    yield "relay", told or "not held"
    queue = overview["queue"]
    length = f"{queue['length']} ids in its queue"
    yield "broker", length if queue["length"] is not None else queue.get("trouble", "it does not say")


def _seen(worker: Document) -> str:
    busy = f", {worker['in_flight']} in hand" if worker["in_flight"] else ""
    return f"{worker['host']} {worker['pid']}{busy}"
