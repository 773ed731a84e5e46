"""A peer's talktome log: the standard library's rotating file."""

import logging
import os
from datetime import datetime
from logging.handlers import RotatingFileHandler

_LOG = logging.getLogger("talktome")
_LOG.setLevel(logging.INFO)
_LOG.propagate = False
_LOG.addHandler(RotatingFileHandler(os.environ["TALKTOME_LOG"], maxBytes=10 * 2**20, backupCount=5))


def write() -> str:
    """Log the time, and return it."""
    time = datetime.now().astimezone().isoformat(timespec="milliseconds")
    _LOG.info("%s talktome", time)
    return time
