"""What is attacked: the two ways in, and what is to be seen from outside of what came of it."""

from pathlib import Path
from typing import Final

from stack.nginx import Nginx
from tests.fixtures.storage import connected
from tests.integration.system import System

#: The two ways in.
ALONE: Final = "alone"
EDGE: Final = "edge"


class Target:
    """A service, and Nginx in front of it."""

    def __init__(self, system: System, nginx: Nginx) -> None:
        self.system = system
        self._nginx = nginx
        self.key = system.key()

    def address(self, way: str) -> tuple[str, int]:
        at = self.system.address if way == ALONE else self._nginx.url.removeprefix("http://")
        host, _, port = at.rpartition(":")
        return host, int(port)

    def recipients(self) -> list[str]:
        """Of all mails there are, one for each."""
        with connected(self.system.folder / "var" / "messaging.db") as connection:
            return [recipient for (recipient,) in connection.execute("SELECT recipient FROM mails")]

    def delivered(self) -> list[Path]:
        return list((self.system.folder / "var" / "mailbox" / "new").glob("*"))

    def talktome_lines(self) -> list[str]:
        log = self.system.folder / "talktome.log"
        return log.read_text().splitlines() if log.exists() else []

    def log_lines(self) -> list[str]:
        """What the service wrote on standard error."""
        return self.system.web.text.splitlines()

    def edge_lines(self) -> list[str]:
        return self._nginx.log.read_text(errors="surrogateescape").splitlines()
