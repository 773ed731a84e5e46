"""How fast the tools themselves are: Postfix's smtp-source to smtp-sink, on kept connections."""

import time
from collections.abc import Mapping
from typing import Final

from benchmarks.figures import Figure
from benchmarks.ground import Ground
from benchmarks.measurement import Measurement, Scale
from benchmarks.sink import Sink
from benchmarks.systems import System
from tests.servers.processes import Program

SOURCE_TO_SINK: Final = Figure("smtp-source to smtp-sink", "mails/s")

_SOURCE: Final = System("smtp-source", web=())
_CONNECTIONS: Final = 16
_MAILS_PER_S: Final = 15_000
_LONGEST_S: Final = 120.0


def measure(ground: Ground, _system: System, scale: Scale) -> Mapping[Figure, float]:
    mails = _MAILS_PER_S * scale.load_s
    with ground.folder() as folder, Sink(folder) as sink:
        command = ["smtp-source", "-d", "-s", str(_CONNECTIONS), "-m", str(mails), "-l", "400", sink.address]
        began = time.monotonic()
        with Program(command, folder / "source.out") as source:
            source.wait(_LONGEST_S)
            return {SOURCE_TO_SINK: mails / (sink.wait_for(mails, _LONGEST_S) - began)}


LIMITS: Final = Measurement("limits", measure, [_SOURCE])
