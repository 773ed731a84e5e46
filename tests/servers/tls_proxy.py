"""TLS in front of a server that has none."""

import asyncio
import contextlib
import threading
from types import TracebackType
from typing import Self

from tests.servers.certificates import authority


class TlsProxy:
    """Takes TLS connections on a free port of 127.0.0.1, and passes on what is inside, in a `with` statement.

    Args:
        port: of the server on 127.0.0.1 that gets it.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._passing: set[asyncio.Task[None]] = set()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=authority().server_context())

    async def _stop(self) -> None:
        self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._to)
        for source, drain in ((reader, inner_writer), (inner_reader, writer)):
            task = asyncio.create_task(_pass_on(source, drain))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)


async def _pass_on(source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        try:
            while data := await source.read(65536):
                drain.write(data)
                await drain.drain()
        finally:
            drain.close()
            await drain.wait_closed()
