"""How every process starts: it reads its settings, or says in one line why it cannot."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

from config.environment import environment
from config.errors import MessagingError, SettingError
from config.logs import configure_logging, say
from config.settings import Settings

#: Exit codes: 0 done, 1 failed, 2 used wrongly.
FAILED: Final = 1
USED_WRONGLY: Final = 2


def settings_or_exit() -> Settings:
    """Read the settings from the environment and `.env`; exit with code 2 at a bad one."""
    try:
        return Settings.load(environment(os.environ, Path.cwd()))
    except SettingError as error:
        exit_with(error, USED_WRONGLY)


def service_settings_or_exit() -> Settings:
    """Read the settings as `settings_or_exit` does; a bad one is said as `LOG_FORMAT` has everything said."""
    environ: Mapping[str, str] = os.environ
    try:
        environ = environment(environ, Path.cwd())
        return Settings.load(environ)
    except SettingError as error:
        if environ.get("LOG_FORMAT") == "json":
            configure_logging("json", "info")
        exit_with(error, USED_WRONGLY)


def exit_with(error: MessagingError | OSError | str, code: int = FAILED) -> NoReturn:
    """Say what is wrong in one line on standard error, and exit."""
    say(f"messaging: {error}", logging.CRITICAL)
    raise SystemExit(code)
