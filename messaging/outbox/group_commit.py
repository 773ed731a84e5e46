"""Group commit: threads that write at the same time share one transaction."""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from sqlalchemy import Connection, Engine

from messaging.outbox.database import transaction
from messaging.outbox.errors import OutboxUnavailableError

#: A thread that came within this time is taken for one that comes again soon, and so is waited for. In seconds.
_COMPANY_S: Final = 0.02

#: How long a leader waits to see whether one more comes, in seconds. The threads share one interpreter lock, and it is
#: this wait that gives it to them: 8 that send mails wrote 1.3 items in a transaction without it, 6.5 with it.
_GLANCE_S: Final = 0.0001

#: Longest wait of a leader in all, in seconds.
_MOST_WAIT_S: Final = 0.005

#: A transaction that takes longer is slow, in seconds: most take a few thousandths.
_SLOW_S: Final = 0.2

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Entry(Generic[Item, Result]):
    """One caller's item and, later, what became of it."""

    __slots__ = ("error", "item", "leads", "result", "wake")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.result: Result
        self.error: Exception | None = None
        #: Set for a waiting caller whose turn it is to lead.
        self.leads = False
        # A bare lock, held until the entry is done, costs a tenth of an Event.
        self.wake = threading.Lock()
        self.wake.acquire()


class GroupCommit(Generic[Item, Result]):
    """Runs what many threads submit in as few transactions as their arrival allows.

    The first to come leads. Who comes while a transaction is under way waits, and all who wait go into the next one,
    led by the first of them. A leader that has company, threads that came a moment ago, begins once all of them are
    there again or no more come; a lone caller never waits.

    Args:
        engine: where the transactions run.
        apply: writes the items of one transaction; returns a result for each, in their order.
        limit: most items of one transaction.
        patience_s: how long an item waits for its transaction to begin; while one takes longer than this, who comes is
            turned away at once. The queue behind a database that is stuck does not grow, nor does it hold the threads
            that could do something else.
        most: how many callers there may be while a transaction is slow; who comes then is turned away at once. So a
            database that moves, but slower than others come, does not hold those threads either.
    """

    def __init__(
        self,
        engine: Engine,
        apply: Callable[[Connection, Sequence[Item]], Sequence[Result]],
        limit: int = 256,
        patience_s: float = threading.TIMEOUT_MAX,
        most: int = sys.maxsize,
    ) -> None:
        self._engine = engine
        self._apply = apply
        self._limit = limit
        self._patience_s = patience_s
        self._most = most
        #: How many callers there are.
        self._callers = 0
        self._lock = threading.Lock()
        self._waiting: deque[_Entry[Item, Result]] = deque()
        self._led = False
        #: When the transaction that is under way began.
        self._began_at = 0.0
        #: When each thread came last; only those of the last moments.
        self._came_at: dict[int, float] = {}

    def submit(self, item: Item) -> Result:
        """Write one item; returns once it is committed.

        Raises:
            OutboxUnavailableError: if the database is away, or stuck; nothing was written then.
            Exception: what the database has against this item.
        """
        entry: _Entry[Item, Result] = _Entry(item)
        now = time.monotonic()
        with self._lock:
            self._admit(now)
            self._callers += 1
            self._came_at[threading.get_ident()] = now
            self._waiting.append(entry)
            lead, self._led = not self._led, True
        try:
            if not lead:
                self._wait(entry)
                lead = entry.leads
            if lead:
                self._lead()
        finally:
            with self._lock:
                self._callers -= 1
        if entry.error is not None:
            raise entry.error
        return entry.result

    def _admit(self, now: float) -> None:
        """Turn a caller away who would wait for too long, or hold one thread too many.

        Raises:
            OutboxUnavailableError: if so.
        """
        took_s = now - self._began_at if self._led else 0.0
        if took_s > self._patience_s:
            raise OutboxUnavailableError(f"the transaction before has been waiting for {took_s:.0f} s")
        if took_s > _SLOW_S and self._callers >= self._most:
            raise OutboxUnavailableError(f"the database is slow, and {self._callers} wait for it")

    def _wait(self, entry: _Entry[Item, Result]) -> None:
        """Wait until the entry is done, or leads.

        Raises:
            OutboxUnavailableError: if its turn does not come in time.
        """
        if entry.wake.acquire(timeout=self._patience_s):
            return
        with self._lock:
            waits = entry in self._waiting and not entry.leads
            if waits:
                self._waiting.remove(entry)
        if waits:
            raise OutboxUnavailableError(f"the transactions before have been waiting for {self._patience_s:.0f} s")
        # It is being written: what becomes of it has to be known.
        entry.wake.acquire()

    def _lead(self) -> None:
        with self._lock:
            self._began_at = time.monotonic()
            batch = [self._waiting.popleft()]
        try:
            self._gather()
            with self._lock:
                batch += [self._waiting.popleft() for _ in range(min(len(self._waiting), self._limit - 1))]
            self._commit(batch)
        finally:
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                self._led = successor is not None
                if successor is not None:
                    successor.leads = True
                    self._began_at = time.monotonic()
            if successor is not None:
                successor.wake.release()
            for entry in batch[1:]:
                entry.wake.release()

    def _gather(self) -> None:
        """Wait for the others as long as they come."""
        began = time.monotonic()
        with self._lock:
            self._came_at = {thread: at for thread, at in self._came_at.items() if at > began - _COMPANY_S}
            others = len(self._came_at) - 1
        seen = -1
        while seen < len(self._waiting) < others and time.monotonic() < began + _MOST_WAIT_S:
            seen = len(self._waiting)
            time.sleep(_GLANCE_S)

    def _commit(self, batch: list[_Entry[Item, Result]]) -> None:
        try:
            with transaction(self._engine) as connection:
                results = self._apply(connection, [entry.item for entry in batch])
            for entry, result in zip(batch, results, strict=True):
                entry.result = result
        except OutboxUnavailableError as error:
            _fail(batch, error)
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
            else:
                self._commit_singly(batch)
        except BaseException:
            _fail(batch, OutboxUnavailableError("the thread that wrote was ended"))
            raise

    def _commit_singly(self, batch: list[_Entry[Item, Result]]) -> None:
        """Commit each item by itself: one that cannot be written must not fail its neighbours."""
        for number, entry in enumerate(batch):
            self._commit([entry])
            if isinstance(entry.error, OutboxUnavailableError):
                # Each of the others would wait for the database as long as this one did.
                _fail(batch[number:], entry.error)
                return


def _fail(batch: list[_Entry[Item, Result]], error: Exception) -> None:
    for entry in batch:
        entry.error = error
