"""The settings: that each can be used, and which are not their defaults; secrets are not shown."""

from collections.abc import Mapping
from pathlib import Path

from config.environment import environment
from config.errors import SettingError
from config.settings import TABLE, Settings
from messaging.doctor.finding import TroubleError


def read_environment(environ: Mapping[str, str], directory: Path) -> Mapping[str, str]:
    """Read the environment as the service does.

    Raises:
        TroubleError: if `.env` cannot be read.
    """
    try:
        return environment(environ, directory)
    except SettingError as error:
        raise _trouble(error, directory) from None


def read_settings(environ: Mapping[str, str], directory: Path) -> Settings:
    """Read the settings as the service does.

    Raises:
        TroubleError: for the first that cannot be used.
    """
    try:
        return Settings.load(read_environment(environ, directory))
    except SettingError as error:
        raise _trouble(error, directory) from None


def tell_settings(settings: Settings, environ: Mapping[str, str]) -> str:
    """Name those that were set, as they were written."""
    given = [
        f"{setting.name}={'(set)' if setting.secret else environ[setting.name]}"
        for setting in TABLE.values()
        if setting.name in settings.given
    ]
    return ", ".join(given) or "all are defaults"


def _trouble(error: SettingError, directory: Path) -> TroubleError:
    words, _, _ = str(error).partition("; allowed: ")
    return TroubleError(words, f"In {directory / '.env'} or the environment set {error.name} to: {error.allowed}")
