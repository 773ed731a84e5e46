"""The rig of a drill: the service on its own processes, a scripted relay, a broker, and ways to hurt each."""

import contextlib
import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from stack.rabbitmq import RabbitMQ
from tests.drills import transcript
from tests.drills.load import Load
from tests.drills.tally import Tally, count
from tests.drills.unanswered import Absence
from tests.drills.watcher import Watcher
from tests.fixtures.waiting import until
from tests.integration.system import System
from tests.integration.wrong_clock import WrongClock
from tests.servers.smtp import SmtpServer

#: Mails that are under way when something is killed: so many at the least.
_UNDER_WAY: Final = 3

#: What goes wrong in a scenario; called while the load is on, returns when the load may end.
Trouble = Callable[["Rig"], None]


class Size(NamedTuple):
    """How much of everything: small in `make test`, in full in `make drill`."""

    #: Mails a second, and for how many seconds; the load lasts longer where the trouble does.
    per_s: float
    load_s: float
    #: How long a server that goes away stays away, in seconds.
    outage_s: float

    @property
    def spell_s(self) -> float:
        """How long other troubles last, in seconds: half as long, but longer than leases and probes are apart."""
        return max(6.0, self.outage_s / 2)


class Rig:
    """One system under load.

    Args:
        system: the service.
        relay: where its mails go.
        broker: its RabbitMQ; none for the embedded mode.
        clock: the system's clock, if that can be set.
        size: of the load and of the trouble.
        seed: decides what is left to chance.
    """

    def __init__(
        self,
        system: System,
        relay: SmtpServer,
        broker: RabbitMQ | None,
        clock: WrongClock | None,
        size: Size,
        seed: int,
    ) -> None:
        self.system = system
        self.relay = relay
        self.size = size
        self._broker = broker
        self._clock = clock
        self._seed = seed
        self._ended_at = 0.0
        self._in_hand: set[str] = set()
        self._absences: list[Absence] = []

    @property
    def broker(self) -> RabbitMQ:
        assert self._broker is not None, "this scenario has no broker"
        return self._broker

    @property
    def clock(self) -> WrongClock:
        assert self._clock is not None, "this scenario's clock cannot be set"
        return self._clock

    @property
    def database(self) -> Path:
        return self.system.folder / "var" / "messaging.db"

    def pause(self, part: float) -> None:
        """Let a part of the load's time pass: what happens then is what the drill is about."""
        time.sleep(self.size.load_s * part)

    def outage(self) -> None:
        """Let the time pass for which a server is away."""
        time.sleep(self.size.outage_s)

    def spell(self) -> None:
        """Let the time pass for which something else is wrong."""
        time.sleep(self.size.spell_s)

    def wait_for_mails_under_way(self) -> None:
        """Return while mails are being handed to the relay, or the mails that a kill hits would be left to chance."""
        until(lambda: transcript.under_way(self.relay.conversations) >= _UNDER_WAY)

    def trouble_ended(self) -> None:
        """From here on recovery is timed; from the end of the load where a scenario does not say so."""
        self._ended_at = time.monotonic()

    @contextlib.contextmanager
    def web_is_away(self) -> Iterator[None]:
        """Have it allowed that requests which are under way in the block, or come then, get no answer."""
        since = time.monotonic()
        yield
        self._absences.append((since, time.monotonic()))

    def set_clock_wrong_by(self, seconds: int) -> None:
        """Set the service's clock; the web process may take connections that it has for silent ones then."""
        with self.web_is_away():
            self.clock.set_wrong_by(seconds)

    def was_killed(self) -> None:
        """Remember what was in hand: the relay may have it, and whoever would write that down is dead by now."""
        maybe_taken = transcript.maybe_taken(self.relay.conversations)
        written_down = {recipient for (recipient,) in self.query("SELECT recipient FROM mails WHERE state = 'sent'")}
        self._in_hand |= maybe_taken - written_down

    def run(self, trouble: Trouble, patience_s: float) -> Tally:
        """Start everything, make trouble under load, wait until nothing is left to do, and count.

        Args:
            trouble: what goes wrong.
            patience_s: how long to wait at the most, in seconds.
        """
        address = self.system.address
        load = Load(address, self.size.per_s, self._seed)
        with self.system:
            with load, Watcher(address, self.system.key(), load, self._seed) as watcher:
                trouble(self)
                load.finish()
                recovered_s = self._recover(patience_s)
            if self._broker:
                self.system.workers.kill()  # an orderly end takes seconds, and has a drill of its own
        refused = transcript.refused(self.relay.conversations)
        states = dict(self.query("SELECT recipient, state FROM mails"))
        return count(
            load.sent, self.relay.mails, refused, states, watcher.seen, self._in_hand, self._absences, recovered_s
        )

    def _recover(self, patience_s: float) -> float:
        """Wait until nothing is left to do, and return how long that took; for ever, if patience came to its end."""
        ended_at = self._ended_at or time.monotonic()
        give_up_at = time.monotonic() + patience_s
        while self.unfinished():
            if time.monotonic() > give_up_at:
                return math.inf
            time.sleep(0.02)
        return time.monotonic() - ended_at

    def unfinished(self) -> int:
        """How many mails are not in a final state."""
        return int(self.query("SELECT count(*) FROM mails WHERE due_at IS NOT NULL")[0][0])

    def database_is_free(self) -> bool:
        """Whether one can write now."""
        with contextlib.closing(sqlite3.connect(self.database, timeout=0.1)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.rollback()
        return True

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(sql).fetchall()
