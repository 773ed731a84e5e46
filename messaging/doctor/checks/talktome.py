"""The talktome log: that lines can be written."""

import contextlib
import errno
import os
from pathlib import Path

from messaging.doctor.finding import TroubleError
from messaging.talktome import TalktomeLog


def check_talktome(log: TalktomeLog, fallback: Path | None) -> str:
    """Look at the log.

    Args:
        log: where lines go; closed at the end.
        fallback: where they go if that cannot be written; none if the operator asked for that place.

    Raises:
        TroubleError: if they can go nowhere.
    """
    try:
        with contextlib.closing(log):
            _look_at(log)
    except OSError as error:
        if fallback:
            return f"{log.path} cannot be written ({error.strerror}), lines go to {fallback}"
        raise TroubleError(
            f"{log.path} cannot be written: {error.strerror}",
            f"Make its folder and let the service's user write it: mkdir -p {log.path.parent}; or set TALKTOME_LOG",
        ) from None
    return f"{log.path} takes lines"


def _look_at(log: TalktomeLog) -> None:
    if os.path.lexists(log.path):
        log.check()
    elif not os.access(log.path.parent, os.W_OK | os.X_OK):
        # Only the service makes it: made by another user, it would be shut out.
        problem = errno.EACCES if log.path.parent.exists() else errno.ENOENT
        raise OSError(problem, os.strerror(problem))
