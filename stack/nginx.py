"""Runs Nginx as the edge in front of a web process, from the project's own configuration template."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from stack import child
from stack.errors import MissingError, ServerError

_TEMPLATE: Final = Path(__file__).parents[1] / "nginx" / "nginx.conf.template"

#: A start takes a tenth of a second.
_START_S: Final = 20.0
_HEALTH_S: Final = 5.0


def find_nginx() -> str:
    """The program; Debian keeps it where only root's PATH looks.

    Raises:
        MissingError: it is not on this machine.
    """
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not found:
        raise MissingError("Nginx is not on this machine (Debian's package is nginx)")
    return found


@dataclass(frozen=True)
class Edge:
    """What Nginx is told: what its template leaves open."""

    #: Where the public comes in, `address:port`.
    listen: str
    #: The web process, `ip:port`.
    web: str
    max_body_bytes: int
    #: A folder of this Nginx alone, for its configuration and its pid.
    run_directory: Path
    #: Requests a second that one client may go on sending.
    requests_per_s: int = 100
    #: Where the ngrok agent connects from: on one machine, from here.
    tunnel: str = "127.0.0.1"

    def render(self, template: str) -> str:
        """Fill in the template; every other dollar in it is Nginx's own."""
        values = {
            "EDGE_LISTEN": self.listen,
            "WEB_ADDRESS": self.web,
            "MAX_BODY_BYTES": str(self.max_body_bytes),
            "EDGE_RATE": str(self.requests_per_s),
            "RUN_DIR": str(self.run_directory),
            "TUNNEL_ADDRESS": self.tunnel,
        }
        for name, value in values.items():
            template = template.replace(f"${{{name}}}", value)
        return template

    def prepare(self) -> list[str]:
        """Write the configuration, and return the command that runs Nginx with it in the foreground."""
        self.run_directory.mkdir(parents=True, exist_ok=True)
        configuration = self.run_directory / "nginx.conf"
        configuration.write_text(self.render(_TEMPLATE.read_text()))
        return [find_nginx(), "-e", "stderr", "-p", str(self.run_directory), "-c", str(configuration)]

    @property
    def pid_file(self) -> Path:
        return self.run_directory / "nginx.pid"

    def healthy(self) -> bool:
        """Whether the web process answers through it."""
        web, public = (http.client.HTTPConnection(at, timeout=_HEALTH_S) for at in (self.web, self.listen))
        with contextlib.closing(web), contextlib.closing(public):
            try:
                web.connect()  # before it listens, each try would be an error in Nginx's log
                public.request("GET", "/healthz")
                return public.getresponse().status == http.HTTPStatus.OK
            except (OSError, http.client.HTTPException):
                return False


class Nginx:
    """One running Nginx, in a `with` statement."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{self._edge.listen}"

    @property
    def log(self) -> Path:
        """What it says: requests and errors."""
        return self._edge.run_directory / "nginx.log"

    def __enter__(self) -> Self:
        """Start it, and wait until it listens.

        Raises:
            MissingError: it is not on this machine.
            ServerError: it did not start; the text has its reason.
        """
        command = self._edge.prepare()
        self._process = child.start(command, output=self.log)
        deadline = time.monotonic() + _START_S
        # It opens its port before it writes its pid.
        while not (self._edge.pid_file.exists() and self._edge.pid_file.read_text().strip() == str(self._process.pid)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise ServerError(f"Nginx did not start: {self.log.read_text(errors='replace').strip()}")
            time.sleep(0.01)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it; requests that have begun are answered."""
        if self._process is not None:
            child.end(self._process, by=signal.SIGQUIT, grace_s=10)
            self._process = None
