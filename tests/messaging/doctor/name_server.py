"""A name server on a loopback port, which knows the texts of every domain."""

import socket
import threading
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rdatatype
import dns.resolver
import dns.rrset


class NameServer:
    """Answers what it is asked over UDP, in a `with` statement."""

    def __init__(self) -> None:
        #: The TXT records there are.
        self.texts: list[str] = []
        #: Whether questions are left without an answer.
        self.silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: Asks this server.
        self.resolver = dns.resolver.Resolver(configure=False)
        self.resolver.nameservers = ["127.0.0.1"]
        self.resolver.port = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while True:
            question, client = self._socket.recvfrom(4096)
            if not question:
                return
            if not self.silent:
                self._socket.sendto(self._answer(question), client)

    def _answer(self, question: bytes) -> bytes:
        asked = dns.message.from_wire(question)
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.RA
        if self.texts:
            texts = [f'"{text}"' for text in self.texts]
            answer.answer.append(dns.rrset.from_text(asked.question[0].name, 60, "IN", "TXT", *texts))
        return answer.to_wire()
