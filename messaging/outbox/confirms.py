"""Notes when the broker confirmed each mail's id, for whoever asks later what took how long."""

import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.sqlite import insert

from messaging.outbox.clock import clock_ms
from messaging.outbox.database import Database, transaction
from messaging.outbox.schema import confirms, mails

#: Most confirms that wait for the database, about 200 bytes each; no mail needs them, and of more nothing is noted.
MOST_WAITING: Final = 20_000

#: Most that are noted in one transaction: others want to write, too.
_BATCH: Final = 500

_CAME = func.json_each(bindparam("times")).table_valued("key", "value").alias("came")
_NEW = insert(confirms).from_select(
    # A mail may be gone by then.
    ["mail_id", "confirmed_at"],
    select(mails.c.id, _CAME.c.value).where(mails.c.id == _CAME.c.key),
)
# Several processes publish a mail, one after the other, and note that in any order.
_NOTE = _NEW.on_conflict_do_update(
    set_={"confirmed_at": _NEW.excluded.confirmed_at},
    where=_NEW.excluded.confirmed_at > confirms.c.confirmed_at,
)


class Confirms:
    """The confirms that one publisher gets; of each mail the last one is kept, for as long as the mail is.

    Args:
        database: where they are noted.
        clock: tells the time in milliseconds since 1970, UTC.
    """

    def __init__(self, database: Database, clock: Callable[[], int] = clock_ms) -> None:
        self._database = database
        self._clock = clock
        self._waiting: deque[tuple[str, int]] = deque()

    def came(self, ids: Sequence[str]) -> None:
        """Remember that the broker confirms these ids now; neither waits nor fails, and any thread may call it."""
        if len(self._waiting) < MOST_WAITING:
            now = self._clock()
            self._waiting.extend([(mail_id, now) for mail_id in ids])

    def note(self) -> None:
        """Write down what came; one thread does that.

        Raises:
            OutboxUnavailableError: if the database is away; what was not written down then is so the next time.
        """
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            try:
                with transaction(self._database.recording) as connection:
                    connection.execute(_NOTE, {"times": json.dumps(dict(batch))})
            except BaseException:
                self._waiting.extendleft(reversed(batch))
                raise
