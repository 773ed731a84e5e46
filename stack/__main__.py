"""Root of `make stack`: RabbitMQ, web process, workers and Nginx natively on this machine, in the foreground."""

import contextlib
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from config.environment import environment
from config.errors import MessagingError, SettingError
from config.masking import mask
from config.settings import Settings
from config.start import FAILED, USED_WRONGLY
from config.values import endpoint
from stack.addresses import check_free, edge_listen, edge_rate, reachable, tunnel_address
from stack.manager import Manager, Part
from stack.nginx import Edge
from stack.ports import free_port
from stack.rabbitmq import RabbitMQ

_VAR: Final = Path("var")

#: What RabbitMQ and its management page listen on everywhere else.
_AMQP_PORT: Final = 5672
_MANAGEMENT_PORT: Final = 15672

_WORKER_PROCESSES: Final = 2
_UP_S: Final = 30.0

#: All of a stop takes at most this; RabbitMQ, the last, has what the others left of it.
_STOP_S: Final = 14.5
_RABBITMQ_STOP_S: Final = 2.0


def main() -> int:
    """Run the stack; the exit code is 0 when somebody ended it, 1 when it failed, 2 for a bad setting."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        environ = environment(os.environ, Path.cwd())
        settings = Settings.load(environ)
        listen = edge_listen(environ)
        edge = Edge(
            listen=str(listen),
            web=str(reachable(settings.listen)),
            max_body_bytes=settings.max_body_bytes,
            requests_per_s=edge_rate(environ),
            run_directory=(_VAR / "nginx").absolute(),
            tunnel=tunnel_address(environ),
        )
        check_free({"EDGE_LISTEN": listen, "LISTEN": settings.listen, "INTERNAL_LISTEN": settings.internal_listen})
        with _broker(settings) as node:
            return _run(settings, environ, edge, node)
    except SettingError as error:
        _say(str(error))
        return USED_WRONGLY
    except MessagingError as error:
        _say(str(error))
        return FAILED
    except KeyboardInterrupt:
        return 0


@contextlib.contextmanager
def _broker(settings: Settings) -> Iterator[RabbitMQ | None]:
    """A RabbitMQ of our own, where the settings name none; the last to go."""
    if not settings.broker_url.embedded:
        yield None
        return
    node = RabbitMQ(_VAR / "rabbitmq", port=free_port(_AMQP_PORT), management_port=free_port(_MANAGEMENT_PORT))
    _say("RabbitMQ is starting")
    try:
        node.start()
        yield node
    finally:
        node.stop()


def environ_of_parts(
    settings: Settings, environ: Mapping[str, str], edge: Edge, node: RabbitMQ | None
) -> dict[str, str]:
    """What web process and workers are told, with what the operator says."""
    # EDGE_LISTEN whether it was set or not: what strangers may do through Nginx is said at the start.
    ours = _settings_of_ours(settings, environ, node)
    up = {**environ, **ours, "PYTHONUNBUFFERED": "1", "EDGE_LISTEN": edge.listen}
    if node:
        up.pop("BROKER_URL_FILE", None)
    return up


def _run(settings: Settings, environ: Mapping[str, str], edge: Edge, node: RabbitMQ | None) -> int:
    up = environ_of_parts(settings, environ, edge, node)
    ours = _settings_of_ours(settings, environ, node)
    python = [sys.executable, "-m"]
    sizes = ["-p", str(_WORKER_PROCESSES), "-t", str(settings.worker_threads)]
    parts = [
        Part("web", [*python, "messaging", "serve"], up),
        Part("workers", [*python, "workers", *sizes], up),
        Part("nginx", edge.prepare(), up, end_by=signal.SIGQUIT, ends_first=True),
    ]
    ended = threading.Event()
    attendant = threading.Thread(target=lambda: _attend(manager, edge, node, _lines(settings, edge, node, ours), ended))
    manager = Manager(parts, on_started=attendant.start)
    manager.loop()
    ended.set()
    attendant.join()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)  # no longer the manager's: RabbitMQ alone is left
    if node:
        _say("RabbitMQ is stopping")
        node.stop(max(_RABBITMQ_STOP_S, _STOP_S - manager.ending_s))
    if manager.ended_well:
        return 0
    _say("something ended by itself or had to be killed, and everything else was stopped")
    return FAILED


def _settings_of_ours(settings: Settings, environ: Mapping[str, str], node: RabbitMQ | None) -> dict[str, str]:
    """What the parts are told beside the settings."""
    # Without the name and password: they are those that every client takes where it is given none.
    ours = {"BROKER_URL": f"amqp://127.0.0.1:{node.port}"} if node else {}
    if not environ.get("PROXY_ADDRESSES"):
        # What calls an address of its own machine calls from that address: only Nginx here, and other local programs.
        ours["PROXY_ADDRESSES"] = reachable(settings.listen).host
    return ours


def _attend(manager: Manager, edge: Edge, node: RabbitMQ | None, lines: Sequence[str], ended: threading.Event) -> None:
    """Say where everything is once it answers, and see that RabbitMQ, which is not the manager's, stays."""
    patient_until = time.monotonic() + _UP_S
    up = False
    while not ended.wait(0.1):
        if node and not node.running:
            _say(f"RabbitMQ ended by itself (see {node.log})")
            manager.abort()
            return
        if up:
            continue
        if up := edge.healthy():
            print("\n".join(lines), file=sys.stderr, flush=True)
        elif time.monotonic() > patient_until:
            _say(f"http://{edge.listen}/healthz still does not answer")
            patient_until += _UP_S


def _lines(settings: Settings, edge: Edge, node: RabbitMQ | None, ours: Mapping[str, str]) -> list[str]:
    url = f"http://{reachable(endpoint(edge.listen))}"
    if node:
        taken = "" if node.management_port == _MANAGEMENT_PORT else f" ({_MANAGEMENT_PORT} is taken)"
        broker = [
            f"  the broker is RabbitMQ at 127.0.0.1:{node.port}, its data and log in {_VAR / 'rabbitmq'}",
            f"  its management page is http://127.0.0.1:{node.management_port}{taken}, name and password guest",
        ]
    else:
        broker = [f"  the broker is {settings.broker_url}"]
    return [
        f"Messaging is up at {url}, through Nginx",
        f"  mail goes to {settings.relay}, from {mask(settings.mail_from)}",
        *broker,
        "Try:",
        f"  curl '{url}/?sendmail=me@example.com'",
        f"  curl '{url}/?talktome'",
        *_beside(ours),
        "Ctrl-C stops all of it.",
    ]


def _beside(ours: Mapping[str, str]) -> list[str]:
    """How commands are run so that they look at the same broker, and know the same proxy."""
    if not ours:
        return []
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in ours.items())
    return ["In another terminal, before doctor, status and other commands:", f"  export {words}"]


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    print(f"stack: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
