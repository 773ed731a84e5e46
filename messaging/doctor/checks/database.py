"""The database: that it is there, of the right version, takes what is written, and has room to grow."""

import os
import pwd
import shutil
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from messaging.doctor.finding import TroubleError
from messaging.outbox.database import Database, transaction
from messaging.outbox.errors import OutboxUnavailableError
from messaging.outbox.outbox import Outbox
from messaging.outbox.upgrades import STEPS

#: With less room than this, the disk is soon full, in bytes.
LEAST_FREE: Final = 100 * 1024 * 1024

_START: Final = "python -m messaging serve"


def check_database(database: Database, path: Path, least_free: int = LEAST_FREE) -> str:
    """Look at the database.

    Args:
        database: what `DATABASE_URL` names.
        path: its file.
        least_free: bytes that have to be free on its disk.

    Raises:
        TroubleError: if mails could not be stored in it.
    """
    if not path.exists():
        raise TroubleError(f"{path} is not there", f"Start the service, which makes it: {_START}")
    version = _version(database, path)
    if version < len(STEPS):
        raise TroubleError(
            f"{path} has version {version}, this program {len(STEPS)}", f"Start the service anew: {_START}"
        )
    if version > len(STEPS):
        raise TroubleError(
            f"{path} has version {version}, this program knows {len(STEPS)}", "Run the newer program that made it"
        )
    free = shutil.disk_usage(path.parent).free
    if free < least_free:
        raise TroubleError(
            f"the disk of {path} has {_mib(free)} MiB left",
            f"Make {_mib(least_free - free) + 1} MiB of room in {path.parent}",
        )
    try:
        Outbox(database).check()
    except OutboxUnavailableError as error:
        if "locked" in str(error):
            raise TroubleError(
                f"{path} is kept locked by another program", f"Find it and end it: fuser {path}"
            ) from None
        raise TroubleError(
            f"{path} cannot be written: {error}", f"Let the service's user write {path.parent}"
        ) from None
    return f"{path}, version {version}, takes what is written, {_mib(free)} MiB free{_of_another(path)}"


def _of_another(path: Path) -> str:
    """A word about who looks, where that is not the service's user."""
    owner = path.stat().st_uid
    if owner == os.geteuid():
        return ""
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = str(owner)
    return f"; it belongs to {name}, and what the service may do is seen by that user alone: sudo -u {name} …"


def _version(database: Database, path: Path) -> int:
    try:
        with transaction(database.reading) as connection:
            return int(connection.execute(text("SELECT version FROM schema_version")).scalar_one())
    except (OutboxUnavailableError, SQLAlchemyError) as error:
        raise TroubleError(
            f"{path} cannot be read as our database: {getattr(error, 'orig', None) or error}",
            f"Put its backup in its place; or begin with an empty one: mv {path} {path}.broken && {_START}",
        ) from None


def _mib(size: int) -> int:
    return size // (1024 * 1024)
