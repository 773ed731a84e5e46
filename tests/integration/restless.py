"""The service with connections to the relay that are soon replaced: `python -m tests.integration.restless serve`."""

from messaging.cli.main import main
from workers.transports import smtp

#: Mails on one connection; as few as make every drill say goodbye many times.
MOST_MAILS = 5

if __name__ == "__main__":
    smtp.MOST_MAILS = MOST_MAILS  # type: ignore[misc]
    main()
