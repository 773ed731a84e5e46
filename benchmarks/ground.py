"""What systems run on while they are measured: a broker, a relay, a folder of their own for each run."""

import itertools
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pika

from benchmarks import processes, wrk
from benchmarks.errors import MeasureError
from benchmarks.systems import ADDRESS, System
from stack.nginx import Edge, Nginx
from stack.rabbitmq import RabbitMQ
from tests.integration.system import ask
from tests.servers.ports import free_address
from tests.servers.processes import Program

#: Whom the mail is for that every web side takes before it is measured.
FIRST_RECIPIENT: Final = "first@example.com"

_ROOT: Final = Path(__file__).parents[1]
_PLACE: Final = _ROOT / "var"

#: A start takes one to three seconds.
_START_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.005

#: How long what was accepted may take until the broker has it.
_PUBLISHED_S: Final = 60.0
_DEPTH_EVERY_S: Final = 0.1

#: Dramatiq's other queues belong to the one it works on: delayed and dead messages.
_QUEUES_OF: Final = ("{}", "{}.DQ", "{}.XQ")


class Ground:
    """The broker that all use in turns, and a place for their files; in a `with` statement."""

    def __init__(self) -> None:
        # Where the outbox would be: a system's temporary folder may be memory, where syncing costs nothing.
        _PLACE.mkdir(exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="bench-", dir=_PLACE))
        #: For what one run makes and others use.
        self.kept = self._folder / "kept"
        self.kept.mkdir()
        self._broker = RabbitMQ(self._folder / "rabbitmq")
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        try:
            self._broker.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._broker.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def broker_version(self) -> str:
        return self._broker.ctl("version").strip()

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder, for the length of the block."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    @contextmanager
    def run(self, system: System, folder: Path, relay: str) -> Iterator["Run"]:
        """A system that is ready to be started, with nothing in its queue; what was started is ended with the block.

        Args:
            system: which one.
            folder: where it keeps its files.
            relay: where its mails go, `host:port`.
        """
        self._purge(system.queue)
        with ExitStack() as started:
            yield Run(system, folder, relay, self._broker, started)

    def _purge(self, queue: str) -> None:
        if not queue:
            return
        connection = pika.BlockingConnection(pika.URLParameters(self._broker.url))
        for name in _QUEUES_OF:
            connection.channel().queue_delete(name.format(queue))
        connection.close()


class Run:
    """One system on the ground."""

    def __init__(self, system: System, folder: Path, relay: str, broker: RabbitMQ, started: ExitStack) -> None:
        self.system = system
        self.folder = folder
        self.address = free_address()
        self.database = folder / "messaging.db"
        self._broker = broker
        self._started = started
        self._environ = {
            "PYTHONPATH": str(_ROOT),
            "LISTEN": self.address,
            "INTERNAL_LISTEN": free_address(),
            "TALKTOME_LOG": str(folder / "talktome.log"),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "BROKER_URL": broker.url,
            "SMTP_URL": f"smtp://{relay}?tls=none",
            "RELAY": relay,
            **system.environ,
        }
        self._web: list[Program] = []
        self._workers: list[Program] = []

    def start_web(self) -> float:
        """Start the web side; returns the seconds until it took its first mail."""
        began = time.monotonic()
        self._web = [self._start("web", [part.replace(ADDRESS, self.address) for part in self.system.web])]
        while not self._takes_a_mail():
            if time.monotonic() - began > _START_S or self._web[0].process.poll() is not None:
                raise MeasureError(f"{self.system.name}: the web side does not start: {self._web[0].text[-2000:]}")
            time.sleep(_LOOK_EVERY_S)
        return time.monotonic() - began

    def stop_web(self) -> None:
        for program in self._web:
            program.stop()

    def start_workers(self) -> None:
        self._workers = [self._start(f"workers{number}", command) for number, command in enumerate(self.system.workers)]

    def stop_workers(self) -> None:
        for program in self._workers:
            program.stop()

    def start_nginx(self) -> str:
        """Start Nginx in front of the web side, configured as the product's; returns its address."""
        # One client sends all there is: what Nginx lets it is not what is measured.
        edge = Edge(free_address(), self.address, 262144, self.folder / "nginx", requests_per_s=1_000_000)
        self._started.enter_context(Nginx(edge))
        return edge.listen

    def fill(self, seconds: int) -> wrk.Load:
        """Have mails accepted for a while, and wait until so many lie in the broker's queue.

        Raises:
            MeasureError: if some do not get there.
        """
        load = wrk.send_mails(self.address, seconds, self.folder)
        give_up_at = time.monotonic() + _PUBLISHED_S
        with closing(pika.BlockingConnection(pika.URLParameters(self._broker.url))) as connection:
            channel = connection.channel()
            while (
                depth := channel.queue_declare(self.system.queue, passive=True).method.message_count
            ) < load.requests:
                if time.monotonic() > give_up_at:
                    raise MeasureError(f"{self.system.name}: {depth} of {load.requests} mails are in the queue")
                connection.sleep(_DEPTH_EVERY_S)
        return load

    @property
    def web_pids(self) -> list[int]:
        return _pids(self._web)

    @property
    def worker_pids(self) -> list[int]:
        return _pids(self._workers)

    @property
    def broker_pids(self) -> list[int]:
        return processes.tree(self._broker.pid)

    def _start(self, name: str, command: Sequence[str]) -> Program:
        program = Program(command, self.folder / f"{name}.out", self._environ, self.folder)
        program.start()
        # Nothing of it is needed any more, and an end in order takes some of them seconds.
        self._started.callback(program.kill)
        return program

    def _takes_a_mail(self) -> bool:
        try:
            return ask(self.address, "GET", f"/?sendmail={FIRST_RECIPIENT}").status == 202
        except OSError:
            return False


def _pids(programs: list[Program]) -> list[int]:
    return [pid for program in programs for pid in processes.tree(program.process.pid)]
