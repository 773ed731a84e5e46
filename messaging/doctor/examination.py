"""Root of the doctor: which parts are looked at, in which order."""

import dataclasses
import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sqlalchemy import make_url

from config.relay import Relay
from config.settings import Settings
from messaging.doctor.checks.broker import check_broker
from messaging.doctor.checks.clock import check_clock
from messaging.doctor.checks.database import check_database
from messaging.doctor.checks.exposure import check_exposure
from messaging.doctor.checks.hops import check_hops
from messaging.doctor.checks.mail import check_mail
from messaging.doctor.checks.reach import check_reach
from messaging.doctor.checks.relay import check_relay
from messaging.doctor.checks.sender import check_sender
from messaging.doctor.checks.settings import read_environment, read_settings, tell_settings
from messaging.doctor.checks.talktome import check_talktome
from messaging.doctor.checks.workers import check_workers
from messaging.doctor.finding import Check, Finding, find
from messaging.instance import instance_of
from messaging.outbox.database import Database
from messaging.outbox.heartbeats import Heartbeats
from messaging.outbox.outbox import Outbox
from messaging.outbox.relay_hold import RelayHold
from messaging.outbox.secret import DatabaseSecret
from messaging.serve import FALLBACK_LOG, talktome_at
from workers.transports.inspection import inspect


def examine(url: str | None = None, recipient: str | None = None) -> Iterator[Finding]:
    """Look at one part after the other; each is told as soon as it is known.

    Args:
        url: where clients reach the service, if that is to be looked at.
        recipient: whom to send a mail to, if one is to be sent.
    """
    read: list[Settings] = []

    def look_at_settings() -> str:
        read.append(read_settings(os.environ, Path.cwd()))
        return tell_settings(read[0], read_environment(os.environ, Path.cwd()))

    yield find("settings", look_at_settings)
    if not read:
        return
    database = Database(read[0].database_url)
    try:
        for part, check in _checks(read[0], database):
            yield find(part, check)
        if url:
            yield from _way_in(read[0], database, url)
        if recipient:
            yield find("mail", partial(check_mail, Outbox(database, publish_within_ms=0), read[0], recipient))
    finally:
        database.close()


def _checks(settings: Settings, database: Database) -> Iterator[tuple[str, Check]]:
    path = Path(make_url(settings.database_url.reveal()).database or "")
    hold, heartbeats = RelayHold(database, settings.hold_probe_s), Heartbeats(database)
    fallback = None if "TALKTOME_LOG" in settings.given else FALLBACK_LOG
    yield "database", partial(check_database, database, path)
    yield "talktome log", partial(check_talktome, talktome_at(settings.talktome_log, settings), fallback)
    yield "broker", partial(check_broker, settings.broker_url)
    yield "web", lambda: check_reach(f"http://{settings.listen.reachable}", instance_of(DatabaseSecret(database)))
    yield "workers", partial(check_workers, heartbeats, embedded=settings.broker_url.embedded)
    yield "relay", partial(check_relay, settings.relay, _certificate_ends_at, hold)
    yield "sender", partial(check_sender, settings.mail_from)
    yield "clock", partial(check_clock, database)
    yield "strangers", partial(check_exposure, settings)


def _way_in(settings: Settings, database: Database, url: str) -> Iterator[Finding]:
    tunnel = find("tunnel", lambda: check_reach(url, instance_of(DatabaseSecret(database))))
    yield tunnel
    if tunnel.ok:
        yield find("hops", partial(check_hops, url, settings.trusted_proxies, settings.proxy_addresses))


def _certificate_ends_at(relay: Relay) -> float | None:
    return inspect(relay).certificate_ends_at


def as_json(findings: list[Finding]) -> str:
    """All findings as one JSON document."""
    return json.dumps([dataclasses.asdict(finding) for finding in findings], ensure_ascii=False)
