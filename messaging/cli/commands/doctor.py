"""`doctor`: one line for each part of the service."""

import argparse
from urllib.parse import urlsplit

from messaging.addresses import parse_recipient
from messaging.cli.arguments import add_json, argument
from messaging.cli.errors import FAILED, RefusedError
from messaging.doctor.examination import as_json, examine
from messaging.errors import InvalidError


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--send", metavar="ADDRESS", help="also send a mail, the greeting, and wait for it")
    parser.add_argument(
        "--url", metavar="URL", type=argument(_url), help="also see that this leads here, past which proxies"
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    findings = []
    for finding in examine(options.url, options.send and _recipient(options.send)):
        findings.append(finding)
        if not options.json:
            print(finding, flush=True)
    if options.json:
        print(as_json(findings))
    if not all(finding.ok for finding in findings):
        raise SystemExit(FAILED)


def _recipient(text: str) -> str:
    try:
        return parse_recipient(text, "ADDRESS")
    except InvalidError as error:
        raise RefusedError(str(error), error.status) from None


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("http://… or https://…")
    return text
