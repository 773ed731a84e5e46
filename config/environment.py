"""The environment of a process, with what it lacks filled in from `.env`."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from config.errors import SettingError


def environment(environ: Mapping[str, str], directory: Path) -> Mapping[str, str]:
    """`environ`, with what it lacks filled in from `.env` in `directory`; an empty variable is one that is lacking.

    Raises:
        SettingError: if that file is there and cannot be read.
    """
    path = directory / ".env"
    from_file = _read(path) if path.exists() else {}
    return {**from_file, **{name: value for name, value in environ.items() if value}}


def text_of(name: str, environ: Mapping[str, str]) -> str:
    """A text that may be a secret: what `name` says, or else what stands in the file that `NAME_FILE` names.

    Raises:
        SettingError: if both are given, or that file cannot be read, or is empty.
    """
    text = environ.get(name, "")
    file_name = environ.get(f"{name}_FILE", "")
    if not file_name:
        return text
    if text:
        raise SettingError(name, f"set twice, here and as {name}_FILE", "one of the two")
    try:
        text = Path(file_name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = f'"{file_name}" cannot be read ({_reason(error)})'
        raise SettingError(f"{name}_FILE", problem, "a readable text file") from None
    if not text:
        # Taken for a variable that is not set, it would be the default that nobody meant.
        raise SettingError(f"{name}_FILE", f'"{file_name}" is empty', f"a file with {name} in it")
    return text


def _read(path: Path) -> Mapping[str, str]:
    from dotenv import dotenv_values  # 50 ms, which a command without such a file need not wait for
    from dotenv.parser import parse_stream

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(".env", f'"{path}" cannot be read ({_reason(error)})', "a readable text file") from None
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key and binding.value is None):
            # Passed over, it could leave open what somebody meant to close.
            blank = binding.original.string.partition(binding.original.string.strip())[0].count("\n")
            problem = f"line {binding.original.line + blank} cannot be understood"
            raise SettingError(".env", problem, "NAME=value, # and a comment, or nothing")
    # Not interpolated: a password may have "${" in it.
    return {name: value for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items() if value}


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "not UTF-8"
