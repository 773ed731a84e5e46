"""Where the service is: at `MESSAGING_URL`, or else on the database of this machine's settings."""

import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from config.environment import environment, text_of
from messaging.cli.errors import UsageError
from messaging.cli.service import Service

URL: Final = "MESSAGING_URL"
KEY: Final = "MESSAGING_KEY"


@contextmanager
def connected(*, anew: bool = False) -> Iterator[Service]:
    """The service. Of the two ways to it only the one that is used is imported: the other takes long on small devices.

    Args:
        anew: whether an empty database is made where there is none.

    Raises:
        SettingError: if the environment has a value that cannot be used.
        CommandError: also within the block.
    """
    environ = environment_here()
    if url := environ.get(URL):
        from messaging.cli.remote import RemoteService

        yield RemoteService(url, text_of(KEY, environ))
        return
    gc.disable()  # of what is imported nothing is garbage: to look for some is a tenth of the time
    from config.settings import Settings
    from messaging.cli.local import LocalService, found, opened

    gc.enable()
    settings = Settings.load(environ)
    with (opened if anew else found)(settings) as database:
        yield LocalService(settings, database)


def environment_here() -> Mapping[str, str]:
    """The environment of this process, `.env` included, which is not looked at where the service is elsewhere."""
    environ: Mapping[str, str] = os.environ
    return environ if environ.get(URL) and _has_key(environ) else environment(environ, Path.cwd())


def only_here(command: str) -> None:
    """Refuse what is done to the database itself, where the service is elsewhere.

    Raises:
        UsageError: if it is.
    """
    if environment_here().get(URL):
        raise UsageError(f"{command} works on the database of this machine, and {URL} is set")


def _has_key(environ: Mapping[str, str]) -> bool:
    return bool(environ.get(KEY) or environ.get(f"{KEY}_FILE"))
