"""The web side as `serve` puts it together."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from config.broker import make_broker
from config.settings import Settings
from messaging import assembly
from messaging.assembly import assemble_web
from messaging.keys import Keys
from messaging.outbox.database import Database
from messaging.outbox.outbox import Outbox
from messaging.talktome import TalktomeLog
from tests.fixtures.client import JSON, Answer, Client
from tests.fixtures.waiting import until
from workers.composing import source


@pytest.mark.parametrize(("threads", "waiting"), [(1, 0), (8, 2)])
def test_of_its_threads_only_some_may_wait_for_mails(
    database: Database, tmp_path: Path, threads: int, waiting: int
) -> None:
    settings = Settings.load({"WEB_THREADS": str(threads), "SMTP_URL": f"maildir:{tmp_path}/mailbox"})
    talktome = TalktomeLog(tmp_path / "talktome.log", settings.talktome_log_max_bytes, settings.talktome_log_backups)
    web = assemble_web(settings, database, make_broker(settings.broker_url, []), talktome, source)
    public, headers = Client(web.public), {"X-API-Key": Keys(database).add("test"), **JSON}
    sent = public.get("/?sendmail=me@example.com").id

    def ask() -> Answer:
        return public.get(f"/v1/emails/{sent}?wait=20s", headers)

    answers: list[Answer] = []
    asking = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(waiting)]
    for each in asking:
        each.start()
    until(lambda: len(web.waits._waiters) == waiting)
    began = time.monotonic()
    assert ask().json["state"] == "queued"
    assert time.monotonic() < began + 5  # at once: no other may wait
    assert answers == []
    web.waits.end()
    for each in asking:
        each.join()
    assert len(answers) == waiting
    talktome.close()


@pytest.mark.parametrize(("threads", "accepting"), [(1, 1), (4, 1), (5, 1), (32, 28)])
def test_while_the_database_is_slow_some_threads_are_left_for_others(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, accepting: int
) -> None:
    made: list[Outbox] = []

    class Remembered(Outbox):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            made.append(self)

    monkeypatch.setattr(assembly, "Outbox", Remembered)
    settings = Settings.load({"WEB_THREADS": str(threads), "SMTP_URL": f"maildir:{tmp_path}/mailbox"})
    talktome = TalktomeLog(tmp_path / "talktome.log", settings.talktome_log_max_bytes, settings.talktome_log_backups)
    assemble_web(settings, database, make_broker(settings.broker_url, []), talktome, source)
    (outbox,) = made
    assert (outbox._accepts._most, outbox._batches._most) == (accepting, accepting)
