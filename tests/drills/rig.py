"""The rig of a drill: the service on its own processes, a scripted relay, a broker, and ways to hurt each."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stack.rabbitmq import RabbitMQ
from tests.drills.load import Load
from tests.drills.tally import Tally, count
from tests.drills.watcher import Watcher
from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.servers.script import Received
from tests.servers.smtp import SmtpServer

#: Short enough for a drill, long enough to be told apart; a scenario may say otherwise.
_SETTINGS = {
    "OPEN_PER_RECIPIENT": "off",
    "OPEN_PER_CLIENT": "off",
    "OPEN_TOTAL": "off",
    "LEASE": "3s",
    "HOLD_PROBE": "1s",
    "RETRY_SCHEDULE": "1s,1s,1s,2s,2s,2s,2s,2s,2s",
    "LOG_LEVEL": "warning",
}

#: What goes wrong in a scenario; called while the load is on, returns when the load may end.
Trouble = Callable[["Rig"], None]


class Rig:
    """One system under load.

    Args:
        folder: where it runs.
        relay: where its mails go.
        broker: its RabbitMQ; none for the embedded mode.
        broker_url: a virtual host of it.
        environ: settings of this scenario.
        per_s: mails a second.
        load_s: how long the load goes on, in seconds.
        seed: decides what is left to chance.
    """

    def __init__(
        self,
        folder: Path,
        relay: SmtpServer,
        broker: RabbitMQ | None,
        broker_url: str,
        environ: Mapping[str, str],
        *,
        per_s: float,
        load_s: float,
        seed: int,
    ) -> None:
        self.folder = folder
        self.relay = relay
        self._broker = broker
        self.load_s = load_s
        self.seed = seed
        settings = {**_SETTINGS, "BROKER_URL": broker_url, "SMTP_URL": relay.url, **environ}
        self.system = System(folder, settings)
        self._per_s = per_s
        self._ended_at = 0.0

    @property
    def broker(self) -> RabbitMQ:
        assert self._broker is not None, "this scenario has no broker"
        return self._broker

    @property
    def database(self) -> Path:
        return self.folder / "var" / "messaging.db"

    def pause(self, part: float) -> None:
        """Let a part of the load's time pass: what happens then is what the drill is about."""
        time.sleep(self.load_s * part)

    def trouble_ended(self) -> None:
        """From here on recovery is timed; from the end of the load where a scenario does not say so."""
        self._ended_at = time.monotonic()

    def run(self, trouble: "Trouble", recover_within_s: float) -> Tally:
        """Start everything, make trouble under load, wait until nothing is left to do, and count."""
        address = self.system.address
        load = Load(address, self._per_s, self.seed)
        with self.system, load, Watcher(address, load, self.seed) as watcher:
            trouble(self)
            load.finish()
            ended_at = self._ended_at or time.monotonic()
            until(lambda: self.unfinished() == 0, recover_within_s)
            recovered_s = time.monotonic() - ended_at
        failed = [str(recipient) for (recipient,) in self.query("SELECT recipient FROM mails WHERE state = 'failed'")]
        return count(load.sent, self.taken(), failed, watcher, max(recovered_s, 0.0))

    def taken(self) -> list[Received]:
        """What the relay has: with a 250, or without a word."""
        return [mail for mail in self.relay.mails if mail.answer is None or mail.accepted]

    def unfinished(self) -> int:
        """How many mails are not in a final state."""
        (number,) = self.query("SELECT count(*) FROM mails WHERE due_at IS NOT NULL")[0]
        return int(number)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(sql).fetchall()
