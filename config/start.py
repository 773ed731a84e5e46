"""How every process starts: it reads its settings, or says in one line why it cannot."""

import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from config.errors import MessagingError, SettingError
from config.settings import Settings, environment

#: Exit codes: 0 done, 1 failed, 2 used wrongly.
FAILED: Final = 1
USED_WRONGLY: Final = 2


def settings_or_exit() -> Settings:
    """Read the settings from the environment and `.env`; exit with code 2 at a bad one."""
    try:
        return Settings.load(environment(os.environ, Path.cwd()))
    except SettingError as error:
        exit_with(error, USED_WRONGLY)


def exit_with(error: MessagingError | OSError | str, code: int = FAILED) -> NoReturn:
    """Say what is wrong in one line on standard error, and exit."""
    print(f"messaging: {error}", file=sys.stderr)
    raise SystemExit(code)
