"""The settings: that each can be used, and which are not their defaults; secrets are not shown."""

from collections.abc import Mapping
from pathlib import Path

from config.environment import environment
from config.errors import SettingError
from config.settings import TABLE, Settings
from messaging.doctor.finding import TroubleError


def read_settings(environ: Mapping[str, str], directory: Path) -> Settings:
    """Read the settings as the service does.

    Raises:
        TroubleError: for the first that cannot be used.
    """
    try:
        return Settings.load(environment(environ, directory))
    except SettingError as error:
        words, _, _ = str(error).partition("; allowed: ")
        raise TroubleError(
            words, f"In {directory / '.env'} or the environment set {error.name} to: {error.allowed}"
        ) from None


def tell_settings(settings: Settings) -> str:
    """Name those that were set."""
    given = [
        f"{setting.name}={'(set)' if setting.secret else _shown(getattr(settings, field))}"
        for field, setting in TABLE.items()
        if setting.name in settings.given
    ]
    return ", ".join(given) or "all are defaults"


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
