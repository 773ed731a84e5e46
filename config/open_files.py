"""How many files and connections a process may have open."""

import resource
from typing import Final

#: Enough for two servers with all their connections and the few files of ours; many systems start with 1024.
WANTED: Final = 4096


def allow_many() -> None:
    """Raise the limit to what we may want, as far as the system lets a process do that by itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most() -> int:
    """The limit, or what we may want where it is higher."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WANTED if soft == resource.RLIM_INFINITY else min(WANTED, soft)
