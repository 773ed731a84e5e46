"""An SMTP relay for tests: real sockets, a script for what goes wrong, and a memory of everything."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from stack.ports import free_port
from tests.fixtures.waiting import PATIENCE_S, until
from tests.servers.certificates import authority
from tests.servers.script import Conversation, Director, Received, Script
from tests.servers.smtp_protocol import ScriptedSmtp

Tls = Literal["none", "starttls", "implicit"]


class SmtpServer:
    """Takes every mail unless told otherwise, from `start` to `stop`; started again, it is at the same port.

    Args:
        script: what to do differently; see tests.servers.script.
        tls: `none` does not offer STARTTLS.
        login: the name and password that are accepted, and then demanded; None offers no AUTH.
        context: the certificate to show; by default one for 127.0.0.1 and localhost that `ca_file` vouches for.
        pipelining: whether that is offered (RFC 2920), as nearly every relay does.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        tls: Tls = "none",
        login: tuple[str, str] | None = None,
        context: ssl.SSLContext | None = None,
        pipelining: bool = True,
    ) -> None:
        self._tls = tls
        self._login = login
        self._context = context
        self.pipelining = pipelining
        self._port = 0
        self._director = Director(script or {})
        self._connections: list[ScriptedSmtp] = []
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        #: Every connection, oldest first.
        self.conversations: list[Conversation] = []
        #: Every mail that came in whole, whatever was answered, oldest first.
        self.mails: list[Received] = []

    @property
    def accepted(self) -> list[Received]:
        """The mails that got a 250."""
        return [mail for mail in self.mails if mail.accepted]

    @property
    def port(self) -> int:
        return self._port

    @property
    def ca_file(self) -> Path:
        """Whoever trusts it (SSL_CERT_FILE) trusts this server."""
        return authority().file

    @property
    def url(self) -> str:
        """What `SMTP_URL` has to be."""
        scheme = "smtps" if self._tls == "implicit" else "smtp"
        login = f"{self._login[0]}:{self._login[1]}@" if self._login else ""
        return f"{scheme}://{login}127.0.0.1:{self._port}{'?tls=none' if self._tls == 'none' else ''}"

    def follow(self, script: Script) -> None:
        """Replace the script, from the next command on."""
        self._director = Director(script)

    def wait_for(self, accepted: int, within_s: float = PATIENCE_S) -> list[Received]:
        """Return the accepted mails as soon as there are so many."""
        until(lambda: len(self.accepted) >= accepted, within_s)
        return self.accepted

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        self._port = self._port or free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp-server")
        self._thread.start()
        self._run(self._listen())

    def stop(self) -> None:
        """Cut every connection, and listen no more."""
        if self._loop is None or self._thread is None:
            return
        self._run(self._wind_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def cut(self) -> None:
        """Cut every connection, and go on listening."""
        self._run(self._cut())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _listen(self) -> None:
        context = self._context or authority().server_context()
        listener = socket.create_server(("127.0.0.1", self._port), backlog=512)
        # An answer goes out at once; its connections inherit that.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: self._connection(context),
            sock=listener,
            ssl=context if self._tls == "implicit" else None,
        )

    def _connection(self, context: ssl.SSLContext) -> ScriptedSmtp:
        connection = ScriptedSmtp(
            lambda *reached: self._director.next(*reached),
            self._login,
            context if self._tls == "starttls" else None,
            self.mails.append,
            pipelining=self.pipelining,
        )
        self._connections.append(connection)
        self.conversations.append(connection.conversation)
        return connection

    async def _cut(self) -> None:
        for connection in self._connections:
            connection.cut()
        self._connections.clear()

    async def _wind_up(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._cut()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # the callbacks of the cut connections
