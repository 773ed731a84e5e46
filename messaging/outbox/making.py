"""Makes the database's file, and the folders above it that are missing."""

import os
from pathlib import Path


def make_file(path: Path) -> None:
    """Make an empty file that only its owner may read, if there is none.

    What root makes belongs to whom the folder does that it is made in, as SQLite sees to with the files that it lays
    beside a database: a command that root runs must not shut out the service.

    Raises:
        OSError: if it cannot be made, or not be written.
    """
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for folder in reversed([each for each in missing if each != path]):
        folder.mkdir(exist_ok=True)
        _give_to_owner_of(folder.parent, folder)
    path.touch(0o600)
    if path in missing:
        _give_to_owner_of(path.parent, path)


def _give_to_owner_of(folder: Path, made: Path) -> None:
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    # Not by its name: who owns the folder may have put something else there.
    descriptor = os.open(made, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    finally:
        os.close(descriptor)
