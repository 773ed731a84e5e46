"""Notes when keys were last used, by a thread of its own: no request waits for that."""

import logging
import threading
from typing import Final

from sqlalchemy import bindparam, update

from messaging.outbox.database import Database, transaction
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.schema import keys

_LOG: Final = logging.getLogger(__name__)

_NOTE: Final = update(keys).where(keys.c.digest == bindparam("of")).values(last_used_at=bindparam("used_at"))


class KeyUses:
    """The uses that are to be noted; the thread lives while there are any.

    Args:
        database: where they are noted.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        #: When each key was used last, by its digest.
        self._pending: dict[str, int] = {}
        self._writing = False

    def note(self, digest: str, used_at: int) -> None:
        """Have a use noted; neither waits nor fails, and any thread may call it.

        Args:
            digest: of the key.
            used_at: in milliseconds since 1970, UTC.
        """
        with self._lock:
            self._pending[digest] = used_at
            start, self._writing = not self._writing, True
        if not start:
            return
        try:
            threading.Thread(target=self._write_all, name="key-use", daemon=True).start()
        except RuntimeError as error:  # what is pending is noted with the next use
            self._writing = False
            _LOG.info("the use of a key is not noted yet: %s", error)

    def _write_all(self) -> None:
        try:
            while pending := self._take():
                self._write(pending)
        except BaseException:
            self._writing = False
            raise

    def _take(self) -> dict[str, int]:
        with self._lock:
            pending, self._pending = self._pending, {}
            self._writing = bool(pending)
            return pending

    def _write(self, pending: dict[str, int]) -> None:
        try:
            with transaction(self._database.recording) as connection:
                connection.execute(_NOTE, [{"of": digest, "used_at": used_at} for digest, used_at in pending.items()])
        except OutboxUnavailableError as error:
            _LOG.info("the use of a key is not noted: %s", error)
