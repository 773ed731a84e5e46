"""`link`: a URL that sends one mail without a key; all of them can be revoked."""

import argparse
from typing import Final

from config import values
from config.settings import Settings
from messaging.addresses import is_among, parse_recipient
from messaging.cli.arguments import add_json, argument
from messaging.cli.connecting import environment_here, only_here
from messaging.cli.errors import RefusedError, UsageError
from messaging.cli.local import opened
from messaging.cli.output import print_json
from messaging.draft import Draft, check_subject, check_text
from messaging.errors import InvalidError
from messaging.links import Links
from messaging.outbox.secret import LinkSecret

#: Characters of a link: with a few more Nginx, and others on the way, refuse it.
_MOST_LINK: Final = 8000


def configure(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("address", metavar="ADDRESS", nargs="?", help="whom the mail is for")
    what.add_argument("--revoke-all", action="store_true", help="make all URLs worthless that were made so far")
    parser.add_argument(
        "--expires",
        metavar="DURATION",
        type=argument(values.positive_duration),
        default="7d",
        help="how long the URL works (%(default)s)",
    )
    parser.add_argument("--subject", metavar="WORDS", help="GREETING_SUBJECT without")
    parser.add_argument("--text", metavar="WORDS", help="GREETING_TEXT without")
    parser.add_argument("--at", metavar="URL", help="where clients reach the service; LISTEN without")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    only_here("link")
    settings = Settings.load(environment_here())
    if options.revoke_all:
        _revoke_all(options, settings)
        return
    draft = _draft(options, settings)
    with opened(settings) as database:
        token = Links(LinkSecret(database)).make(draft, options.expires)
    url = f"{(options.at or f'http://{settings.listen.reachable}').rstrip('/')}/?link={token}"
    if len(url) > _MOST_LINK:
        raise UsageError(f"a link has at most {_MOST_LINK} characters, this one {len(url)}")
    if options.json:
        print_json({"url": url, "to": draft.recipient})
    else:
        print(url)


def _revoke_all(options: argparse.Namespace, settings: Settings) -> None:
    with opened(settings) as database:
        LinkSecret(database).renew()
    if options.json:
        print_json({"revoked": True})
    else:
        print("revoked all links that were made so far")


def _draft(options: argparse.Namespace, settings: Settings) -> Draft:
    try:
        recipient = parse_recipient(options.address, "ADDRESS")
        subject = check_subject(settings.greeting_subject if options.subject is None else options.subject)
        text = check_text(settings.greeting_text if options.text is None else options.text)
    except InvalidError as error:
        raise RefusedError(str(error), error.status) from None
    if not is_among(recipient, settings.allowed_recipients):
        raise UsageError("ADDRESS: not among ALLOWED_RECIPIENTS, the link would be refused")
    return Draft(recipient, subject, text)
