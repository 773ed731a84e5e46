"""The overview: what waits, what was sent, who works, and what keeps them from it."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from config.mail_queue import QueueError
from messaging.outbox.database import Database
from messaging.outbox.heartbeats import Heartbeats, Role, WorkerSeen
from messaging.outbox.relay_hold import Hold, RelayHold
from messaging.outbox.states import State
from messaging.outbox.tallies import HOUR_MS, MINUTE_MS, Series, Tallies, Waiting
from messaging.outbox.totals import read_totals

#: How long an answer is good for, in seconds; or so many times as long as the database took, if that is longer: however
#: many look, and however long the backlog, it costs a tenth of a processor at the most.
_FRESH_FOR_S: Final = 1.0
_TIMES: Final = 10

#: How much longer it does for who asks while another one does, in seconds; a broker that is stuck takes 5 of them.
_DOES_FOR_S: Final = 10.0

_MINUTES: Final = 60
_HOURS: Final = 7 * 24


class Depth(Protocol):
    """Knows how many ids lie in the broker's queue."""

    def depth(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Overview:
    """How all of it stands."""

    states: Mapping[State, int]
    oldest_waiting: Waiting | None
    minutes: Series
    hours: Series
    workers: Sequence[WorkerSeen]
    dispatchers: Sequence[WorkerSeen]
    #: Who was there within the last hour, and was not seen any more.
    gone_workers: Sequence[WorkerSeen]
    gone_dispatchers: Sequence[WorkerSeen]
    hold: Hold | None
    #: Ids in the broker's queue; None if it does not say, for the reason that follows.
    queue: int | None
    queue_trouble: str


class Overseer:
    """Puts the overview together, for all who ask at the same time once.

    Args:
        database: knows how many mails there are.
        tallies: knows how many there were.
        heartbeats: knows who works.
        hold: knows whether the relay is held.
        queue: knows the broker's queue.
        clock: tells the time for the age of what is known, in seconds.
    """

    def __init__(
        self,
        database: Database,
        tallies: Tallies,
        heartbeats: Heartbeats,
        hold: RelayHold,
        queue: Depth,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._tallies = tallies
        self._heartbeats = heartbeats
        self._hold = hold
        self._queue = queue
        self._clock = clock
        self._asking = threading.Lock()
        self._known: Overview | None = None
        self._good_until = float("-inf")

    def look(self) -> Overview:
        """How all of it stands, or stood a moment ago.

        Raises:
            OutboxUnavailableError: if the database is away.
        """
        known = self._known
        late_s = self._clock() - self._good_until
        if known and (late_s < 0 or (late_s < _DOES_FOR_S and self._asking.locked())):
            return known
        with self._asking:
            if self._known is None or self._clock() >= self._good_until:
                # A broker that does not answer is waited for, and costs nothing.
                queue, trouble = self._depth()
                began = self._clock()
                self._known = self._ask(queue, trouble)
                ended = self._clock()
                self._good_until = ended + max(_FRESH_FOR_S, _TIMES * (ended - began))
            return self._known

    def _ask(self, queue: int | None, trouble: str) -> Overview:
        return Overview(
            states=read_totals(self._database).now,
            oldest_waiting=self._tallies.oldest_waiting(),
            minutes=self._tallies.series(MINUTE_MS, _MINUTES),
            hours=self._tallies.series(HOUR_MS, _HOURS),
            workers=self._heartbeats.alive(Role.WORKER),
            dispatchers=self._heartbeats.alive(Role.DISPATCHER),
            gone_workers=self._heartbeats.gone(Role.WORKER),
            gone_dispatchers=self._heartbeats.gone(Role.DISPATCHER),
            hold=self._hold.read(),
            queue=queue,
            queue_trouble=trouble,
        )

    def _depth(self) -> tuple[int | None, str]:
        try:
            return self._queue.depth(), ""
        except QueueError as error:
            return None, str(error)
