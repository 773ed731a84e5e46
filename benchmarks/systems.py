"""The systems that are compared: how each is started, in its best configuration."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]
_OURS: Final = sys.executable
_PEERS: Final = str(_ROOT / ".venv-bench" / "bin" / "python")

#: Where a command has the address that the web process listens on, as `host:port`.
ADDRESS: Final = "{address}"

_GUNICORN: Final = (_PEERS, "-m", "gunicorn", "benchmarks.peers.celery_peer:app", "-b", ADDRESS, "-k", "gthread")
_CELERY: Final = (_PEERS, "-m", "celery", "-A", "benchmarks.peers.celery_peer:queue", "worker", "--loglevel=warning")
#: What workers tell each other is of no use here, and costs.
_ALONE: Final = ("--without-gossip", "--without-mingle", "--without-heartbeat")


@dataclass(frozen=True)
class System:
    """One system: a web side, and two worker processes behind a broker."""

    name: str
    #: The web side's command; `ADDRESS` stands for where it listens.
    web: Sequence[str]
    #: The workers' commands, one for each program to start.
    workers: Sequence[Sequence[str]] = ()
    #: The broker's queue that mails wait in.
    queue: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)

    def with_environ(self, name: str, **environ: str) -> "System":
        """The same under another name, with more in its environment."""
        return replace(self, name=name, environ={**self.environ, **environ})


# As in compose.yaml. 8 threads deliver a fifth less, 32 a fifth more, over twice as many connections to the relay.
# Dramatiq's prefetch of two messages a thread is enough: eight are the same, half a one costs a third.
OURS: Final = System(
    "Messaging",
    web=(_OURS, "-m", "messaging", "serve"),
    workers=((_OURS, "-m", "workers", "-p", "2", "-t", "16"),),
    queue="mail",
    environ={
        # The limits of keyless use are there to be met by one who asks so often.
        "OPEN_PER_RECIPIENT": "off",
        "OPEN_PER_CLIENT": "off",
        "OPEN_TOTAL": "off",
        # As much as the peers say by default.
        "LOG_LEVEL": "warning",
    },
)

# 8, 16 and 32 threads of Waitress cost the same CPU; 8 threads of a worker deliver a tenth less than 16.
DRAMATIQ: Final = System(
    "plain Dramatiq",
    web=(_OURS, "-m", "benchmarks.peers.dramatiq_peer", ADDRESS),
    workers=((_OURS, "-m", "dramatiq", "benchmarks.peers.dramatiq_peer", "-p", "2", "-t", "16"),),
    queue="default",
)

# Gunicorn: 2x16, 3x8 and 4x4 cost as much CPU or more; 1x16 costs less, and leaves a processor idle.
# Celery: prefork (-c 2, -c 4) costs up to 20 % more CPU and twice RabbitMQ's; prefetch 4 or 64 is the same, and so
# are 8 or 16 threads; acks before the task save 5 %, and lose what a killed worker had.
CELERY: Final = System(
    "Celery",
    web=(*_GUNICORN, "-w", "2", "--threads", "8"),
    workers=tuple((*_CELERY, *_ALONE, "-P", "threads", "-c", "16", "-n", name) for name in "ab"),
    queue="celery",
    environ={"CONFIRMS": "yes"},
)
CELERY_UNCONFIRMED: Final = CELERY.with_environ("Celery, no confirms", CONFIRMS="")
CELERY_KEPT: Final = CELERY.with_environ("Celery, kept connections", KEEP="yes")
CELERY_ONE_PROCESS: Final = replace(CELERY, web=(*_GUNICORN, "-w", "1", "--threads", "8"))

EMPTY: Final = System("Waitress, empty app", web=(_OURS, "-m", "benchmarks.peers.empty", ADDRESS))
