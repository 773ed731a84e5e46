"""What nobody caught, and what Python itself warns of, is logged like everything else."""

import logging
import sys
import threading
from types import TracebackType
from typing import Final

_LOG: Final = logging.getLogger(__name__)


def log_uncaught() -> None:
    """Have errors logged that end the process or a thread of it, that are raised where nobody can, and warnings."""
    sys.excepthook = _on_error
    threading.excepthook = _on_thread_error
    sys.unraisablehook = _on_unraisable
    logging.captureWarnings(True)


def _on_error(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    if not isinstance(error, KeyboardInterrupt):
        _LOG.critical("the process ends: nobody caught this", exc_info=(kind, error, at))


def _on_thread_error(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        name = args.thread.name if args.thread else "?"
        _LOG.critical(
            "thread %s ends: nobody caught this", name, exc_info=(args.exc_type, args.exc_value, args.exc_traceback)
        )


def _on_unraisable(args: "sys.UnraisableHookArgs") -> None:
    if args.exc_value is not None:
        told = args.err_msg or "ignored, as nobody could be told"
        _LOG.error("%s: %r", told, args.object, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
