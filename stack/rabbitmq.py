"""Runs a RabbitMQ node of our own: its data, ports, cookie and log are nobody else's, and it ends with us."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from stack import amqp, child, rabbitmq_files
from stack.errors import MissingError, ServerError
from stack.ports import free_port, is_free
from stack.rabbitmq_files import HOST, NODE, find_scripts

#: A start takes 4 s on a small machine, and several times that on one that is busy.
_START_S: Final = 90.0
_CTL_S: Final = 60.0

_VHOSTS_AT_A_TIME: Final = 12


class RabbitMQ:
    """One RabbitMQ node below `directory`, from `start` to `stop`; in a `with` statement, from its begin to its end.

    Its parts are one Erlang machine and a few helpers of it, which go when it goes; there is no epmd.
    """

    def __init__(self, directory: Path, *, port: int = 0, management_port: int | None = None) -> None:
        """Prepare a node, and start nothing.

        Args:
            directory: where it keeps everything; a node's data from an earlier run is taken up again.
            port: the AMQP port on 127.0.0.1; 0 takes a free one at the first start, and keeps it.
            management_port: where the management page listens on 127.0.0.1, if it is wanted.
        """
        self._directory = directory.resolve()
        self._port = port
        self._distribution_port = 0
        self._management_port = management_port
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._scripts: Path | None = None
        self._takes_commands = False
        self._fresh_vhosts: list[str] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return self._port

    @property
    def management_port(self) -> int | None:
        return self._management_port

    @property
    def url(self) -> str:
        return self.url_of("%2F")

    def url_of(self, vhost: str) -> str:
        """The URL of a virtual host, given as it is written in a URL."""
        return f"amqp://guest:guest@{HOST}:{self._port}/{vhost}"

    @property
    def log(self) -> Path:
        return self._directory / "log" / f"{NODE}.log"

    @property
    def _output(self) -> Path:
        return self._directory / "log" / "output"

    def _environ(self) -> dict[str, str]:
        return rabbitmq_files.environment(self._directory, self._distribution_port)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of the Erlang machine itself, no wrapper's."""
        if self._process is None:
            raise ServerError("RabbitMQ is not started")
        return self._process.pid

    def start(self) -> None:
        """Start it, on the data that is there, and wait until it takes connections.

        Raises:
            MissingError: RabbitMQ is not on this machine.
            ServerError: another node uses the directory, or this one did not start; the text names its log.
        """
        if self.running:
            return
        scripts = find_scripts()
        if scripts is None:
            raise MissingError("RabbitMQ is not on this machine (Debian's package is rabbitmq-server)")
        self._claim_directory()
        self._port = self._port or free_port()
        if not is_free(HOST, self._port):
            self.kill()
            raise ServerError(f"RabbitMQ cannot listen on port {self._port}: it is taken")
        self._distribution_port = self._distribution_port or free_port()
        rabbitmq_files.write(self._directory, self._port, self._management_port)
        self._scripts = rabbitmq_files.link_home(self._directory, scripts, self._management_port is not None)
        self._process = child.start(
            [self._scripts / "rabbitmq-server"], output=self._output, environ=self._environ(), cwd=self._directory
        )
        try:
            self._wait_until_ready(time.monotonic() + _START_S)
        except BaseException:
            self.kill()
            raise

    def stop(self, grace_s: float = 15.0) -> None:
        """Stop it in order, or kill it after `grace_s`; the data stays. A node that is not running stays so."""
        self._end(signal.SIGTERM, grace_s)

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would."""
        self._end(signal.SIGKILL, 10.0)

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay open and nothing answers, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self.running:
            os.kill(self.pid, signal.SIGCONT)

    def wipe(self) -> None:
        """End it, throw its data away and start it again on the same port."""
        self.kill()
        shutil.rmtree(self._directory / "data", ignore_errors=True)
        self._fresh_vhosts.clear()
        self.start()

    def fresh_vhost(self) -> str:
        """The URL of an empty virtual host that nobody had before.

        Each `rabbitmqctl` costs a second, for a dozen of them as for one.
        """
        if not self._fresh_vhosts:
            self._fresh_vhosts = [uuid.uuid4().hex for _ in range(_VHOSTS_AT_A_TIME)]
            definitions = self._directory / "vhosts.json"
            definitions.write_text(json.dumps(rabbitmq_files.vhosts(self._fresh_vhosts)))
            self.ctl("import_definitions", str(definitions))
        return self.url_of(self._fresh_vhosts.pop())

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against it and return what it says, without its headings."""
        if not self._takes_commands:
            # It takes connections a moment before it takes commands.
            self._ctl("await_startup")
            self._takes_commands = True
        return self._ctl(*arguments)

    def _ctl(self, *arguments: str) -> str:
        if self._scripts is None:
            raise ServerError("RabbitMQ is not started")
        done = subprocess.run(
            [self._scripts / "rabbitmqctl", "--quiet", *arguments],
            env=self._environ(),
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=_CTL_S,
            check=False,
        )
        if done.returncode:
            raise ServerError(f"rabbitmqctl {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def _claim_directory(self) -> None:
        """Two nodes on the same data would ruin it."""
        self._directory.mkdir(parents=True, exist_ok=True)
        lock = (self._directory / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise ServerError(f"another RabbitMQ already runs in {self._directory}") from None
        self._lock = lock

    def _wait_until_ready(self, deadline: float) -> None:
        while not amqp.answers(HOST, self._port):
            if not self.running:
                raise ServerError(f"RabbitMQ did not start: {_last_line(self._output)} (see {self._output})")
            if time.monotonic() > deadline:
                raise ServerError(f"RabbitMQ did not answer on port {self._port} in {_START_S:.0f} s (see {self.log})")
            time.sleep(0.02)

    def _end(self, by: signal.Signals, grace_s: float) -> None:
        self._takes_commands = False
        if self._process is not None:
            child.end(self._process, by=by, grace_s=grace_s)
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _last_line(file: Path) -> str:
    lines = [line.strip() for line in file.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
