"""The service as an operator runs it: the web process and workers as processes of their own."""

import http.client
import json
import sqlite3
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from config.secret import Secret
from messaging.keys import Keys
from messaging.outbox.database import Database
from messaging.outbox.heartbeats import Role
from stack.ports import free_port
from tests.integration.wrong_clock import WrongClock
from tests.servers.ports import free_address
from tests.servers.processes import Program

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


def ask(
    address: str,
    method: str,
    target: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 30,
    client: str | None = None,
) -> Answer:
    """Send one request on a connection of its own, from the address `client` if that is given.

    Raises:
        OSError, http.client.HTTPException: if there is no answer.
    """
    connection = http.client.HTTPConnection(address, timeout=timeout_s, source_address=(client, 0) if client else None)
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


class System:
    """One web process, and workers where the broker is not the embedded one, in a `with` statement.

    Args:
        folder: where all of it runs, keeps its data and writes its logs.
        environ: its settings.
        web_address: where the web process listens; a free address if not given.
        processes: how many worker processes there are.
        threads: how many each of them has.
        clock: what they all take for the machine's, if not that itself.
        workers: root of the worker processes.
        web: root of the web process.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        *,
        web_address: str | None = None,
        processes: int = 2,
        threads: int = 8,
        clock: WrongClock | None = None,
        workers: str = "workers.main",
        web: str = "messaging",
    ) -> None:
        self.folder = folder
        self.address = web_address or free_address()
        self.internal = f"127.0.0.1:{free_port()}"
        self.environ = {
            "LISTEN": self.address,
            "INTERNAL_LISTEN": self.internal,
            "TALKTOME_LOG": str(folder / "talktome.log"),
            "PYTHONPATH": str(_ROOT),
            **environ,
        }
        self.processes = processes
        under = clock.command if clock else []
        self.web = self._program("web", [*under, web, "serve"])
        numbers = ["-p", str(processes), "-t", str(threads)]
        command = ["workers"] if workers == "workers.main" else ["dramatiq", workers]
        self.workers = self._program("workers", [*under, *command, *numbers])
        self._embedded = self.environ.get("BROKER_URL", "memory://") == "memory://"
        self._started = ExitStack()

    def _program(self, name: str, arguments: list[str]) -> Program:
        return Program([sys.executable, "-m", *arguments], self.folder / f"{name}.out", self.environ, self.folder)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._started.close()  # what stays would work on the next test's mails
            raise
        return self

    def start(self) -> None:
        self.start_web()
        if not self._embedded:
            self.start_workers()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._started.close()

    def start_web(self) -> None:
        self._started.enter_context(self.web)
        self.web.wait_for_http(f"http://{self.address}/healthz")

    def start_workers(self) -> None:
        self._started.enter_context(self.workers)
        self.workers.wait_for_line("is booting up")

    def pids(self, role: Role) -> set[int]:
        """The processes that have said in the database that they do that."""
        with closing(sqlite3.connect(self.folder / "var" / "messaging.db")) as connection:
            return {pid for (pid,) in connection.execute("SELECT pid FROM workers WHERE role = ?", (role.value,))}

    def key(self) -> str:
        """Make an API key."""
        with self.keys() as keys:
            return keys.add("test")

    @contextmanager
    def keys(self) -> Iterator[Keys]:
        """All its API keys."""
        database = Database(Secret(self.environ.get("DATABASE_URL", f"sqlite:///{self.folder}/var/messaging.db")))
        try:
            yield Keys(database)
        finally:
            database.close()

    def sendmail(self, recipient: str, *, at: str | None = None, timeout_s: float = 30) -> Answer:
        """Send the greeting, with the one parameter that a curl has."""
        quoted = urllib.parse.quote(recipient, safe="@+")
        return ask(at or self.address, "GET", f"/?sendmail={quoted}", timeout_s=timeout_s)

    def send_all(self, recipients: list[str], *, clients: int = 16, at: str | None = None) -> list[Answer]:
        with ThreadPoolExecutor(clients) as pool:
            return list(pool.map(lambda recipient: self.sendmail(recipient, at=at), recipients))

    def status(self, location: str, key: str | None = None) -> dict[str, Any]:
        headers = {"Accept": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        return ask(self.address, "GET", location, headers=headers).document
