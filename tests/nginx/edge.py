"""Starts the real Nginx on a loopback port from the project's own template."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, BinaryIO

import stack.nginx

TEMPLATE = Path(__file__).parents[2] / "nginx" / "nginx.conf.template"
#: What the tests' Nginx takes for the tunnel; every other loopback address is a client of its own.
TUNNEL = "127.0.0.2"
MAX_BODY_BYTES = 5000
#: nobody, by number: the group's name differs between systems.
NOBODY = 65534


def render(folder: Path, listen: str, *, web: str = "127.0.0.1:9", tunnel: str = TUNNEL) -> str:
    """Fill in the template for a run in `folder`, as the stack does it."""
    edge = stack.nginx.Edge(listen=listen, web=web, max_body_bytes=MAX_BODY_BYTES, run_directory=folder, tunnel=tunnel)
    return edge.render(TEMPLATE.read_text())


def unprivileged() -> dict[str, Any]:
    """Make a root's child nobody: the configuration has to work without root, so it is tried without."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def own_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for the child's output: /dev/stdout is opened anew by Nginx, so it must be the child's own."""
    with path.open("wb") as file:
        if os.geteuid() == 0:
            os.fchown(file.fileno(), NOBODY, NOBODY)
        yield file


class Answer:
    """A response, read to its end."""

    def __init__(self, response: HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()


class Edge:
    """One Nginx, from `start` to `stop`."""

    def __init__(self, nginx: str, folder: Path, web: str) -> None:
        self._nginx = nginx
        self._folder = folder
        self._web = web
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ("", 0)

    def start(self, changes: Mapping[str, str] | None = None) -> None:
        """Start with `changes` made to the configuration, so that a limit can be met without waiting for it.

        The listening socket is opened here and handed over (the way Nginx takes it over from its own predecessor): no
        other test can grab the port, and a client may connect at once.
        """
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            listener.setblocking(False)  # Nginx takes that for granted; a worker would hang in accept()
            self._address = listener.getsockname()
            text = render(self._folder, f"127.0.0.1:{self._address[1]}", web=self._web)
            for old, new in (changes or {}).items():
                assert old in text, f"not in the configuration: {old}"
                text = text.replace(old, new)
            config = self._folder / "nginx.conf"
            config.write_text(text)
            with own_file(self._folder / "out") as out, own_file(self._folder / "err") as err:
                self._process = subprocess.Popen(
                    [self._nginx, "-e", "stderr", "-c", config],
                    stdout=out,
                    stderr=err,
                    env={**os.environ, "NGINX": f"{listener.fileno()};"},
                    pass_fds=[listener.fileno()],
                    **unprivileged(),
                )

    def stop(self) -> None:
        """End it and wait; what it logged is complete afterwards."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=20)
            self._process = None

    @property
    def address(self) -> tuple[str, int]:
        return self._address

    @property
    def access_log(self) -> str:
        assert self._process is None, "the log is complete only after the stop"
        return (self._folder / "out").read_text()

    @property
    def error_log(self) -> str:
        assert self._process is None, "the log is complete only after the stop"
        return (self._folder / "err").read_text()

    def connect(self, client: str = "127.0.0.1") -> HTTPConnection:
        """Open a connection from a loopback address of one's choice."""
        return HTTPConnection(*self._address, timeout=10, source_address=(client, 0))

    def request(
        self,
        target: str = "/",
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        client: str = "127.0.0.1",
    ) -> Answer:
        connection = self.connect(client)
        try:
            connection.request(method, target, body, dict(headers or {}))
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def send(self, raw: bytes) -> Answer:
        """Send bytes that no HTTP library would."""
        with socket.create_connection(self._address, timeout=10) as connection:
            connection.sendall(raw)
            response = HTTPResponse(connection)
            response.begin()
            return Answer(response)
