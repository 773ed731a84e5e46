"""An SMTP relay that is late with each answer, and knows when each mail came: `python -m benchmarks.relay …`.

Each answer leaves so long after its command came, as over a long line: commands that come together are answered
together. It takes everything, offers PIPELINING, and reads of a mail nothing but its envelope and its end.
"""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Final, TextIO, cast

_GREETING: Final = b"220 relay ESMTP\r\n"
_EHLO: Final = b"250-relay\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
_OK: Final = b"250 2.0.0 Ok\r\n"
_GO_ON: Final = b"354 End with a lone dot\r\n"
_BYE: Final = b"221 2.0.0 Bye\r\n"
_END_OF_MAIL: Final = b"\r\n.\r\n"


class Conversation(asyncio.Protocol):
    """One connection.

    Args:
        delay_s: how late each answer is, in seconds.
        log: gets a line for each mail: its recipient, and the time (`time.monotonic_ns`) when its last byte was here.
    """

    def __init__(self, delay_s: float, log: TextIO) -> None:
        self._delay_s = delay_s
        self._log = log
        self._received = b""
        self._in_mail = False
        self._recipient = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._answer(_GREETING)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            piece, end, rest = self._received.partition(_END_OF_MAIL if self._in_mail else b"\r\n")
            if not end:
                return
            self._received = rest
            if self._in_mail:
                self._in_mail = False
                self._log.write(f"{self._recipient} {time.monotonic_ns()}\n")
                self._answer(_OK)
            else:
                self._command(piece)

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode("ascii", "replace")
        self._in_mail = verb == b"DATA"
        self._answer({b"EHLO": _EHLO, b"DATA": _GO_ON, b"QUIT": _BYE}.get(verb, _OK))
        if verb == b"QUIT":
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.close)

    def _answer(self, answer: bytes) -> None:
        if self._delay_s:
            asyncio.get_running_loop().call_later(self._delay_s, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def run(address: str, delay_s: float, log: TextIO) -> None:
    host, _, port = address.rpartition(":")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(delay_s, log), host, int(port), backlog=512)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.relay")
    parser.add_argument("address", help="where it listens, host:port")
    parser.add_argument("log", type=Path, help="the file that gets the recipients and times")
    parser.add_argument("--delay-ms", type=int, default=0, help="how late each answer is")
    arguments = parser.parse_args()
    with arguments.log.open("w", buffering=1) as log:
        asyncio.run(run(arguments.address, arguments.delay_ms / 1000, log))


if __name__ == "__main__":
    main()
