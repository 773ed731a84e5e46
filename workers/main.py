"""Root of the worker processes: `dramatiq workers.main` imports it in each of them, after it forked."""

import logging
import sys
import threading
from multiprocessing.util import Finalize

import dramatiq

from config.logs import configure_logging
from config.processor import keep_to_one_processor
from config.start import exit_with, service_settings_or_exit
from config.uncaught import log_uncaught
from messaging.outbox.database import Database
from messaging.outbox.errors import OutboxError
from workers.assembly import assemble_worker
from workers.embedded_refusal import refuse_embedded
from workers.parent import die_with_parent

die_with_parent()
settings = service_settings_or_exit()
# Dramatiq has replaced `sys.stderr` by a pipe to its master, and copying a line there costs more than all else of it.
configure_logging(settings.log_format, settings.log_level, sys.__stderr__)
# A process of `multiprocessing` ends without what others do at their end.
Finalize(None, logging.shutdown, exitpriority=0)
log_uncaught()
refuse_embedded(settings.broker_url)
keep_to_one_processor()
database = Database(settings.database_url)


def dispatch() -> int:
    """Run the dispatcher, in the process that Dramatiq's master forks for it; ends with the signal that ends it."""
    parts.dispatcher.run(threading.Event())
    return 0


try:
    database.upgrade()
except OutboxError as error:
    exit_with(error)
parts = assemble_worker(settings, database, [dispatch])
dramatiq.set_broker(parts.broker)
