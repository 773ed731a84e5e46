"""`python -m workers [-p N] [-t N]`: the `dramatiq` command on `workers.main`, its master's log in our form.

Dramatiq's master imports nothing of ours, and says what it does in a form of its own. Here it is our process: a setting
that cannot be used is said once, before there are workers, and not once by each of them.
"""

import sys
from typing import Any

from dramatiq import cli

from config.logs import configure_logging_of_a_master
from config.start import service_settings_or_exit
from config.uncaught import log_uncaught
from workers.embedded_refusal import refuse_embedded


def main() -> int:
    """Run the command with the arguments of this process; returns its exit code."""
    settings = service_settings_or_exit()
    configure_logging_of_a_master(settings.log_format, settings.log_level)
    log_uncaught()
    refuse_embedded(settings.broker_url)
    arguments = sys.argv[1:]
    # What it runs anew, in this process, at a SIGHUP.
    sys.argv = [sys.executable, "-m", "workers", *arguments]
    command: Any = cli
    code: int = command.main(command.make_argument_parser().parse_args(["workers.main", "--skip-logging", *arguments]))
    return code


if __name__ == "__main__":
    sys.exit(main())
