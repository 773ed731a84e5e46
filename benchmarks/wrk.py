"""wrk, the client: asks as fast as it is answered, on a fixed number of connections."""

import re
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.errors import MeasureError
from tests.servers.processes import Program

#: What every benchmark but a few uses.
CONNECTIONS: Final = 32

_SCRIPT: Final = Path(__file__).with_name("requests.lua")
_RESULT: Final = re.compile(r"^RESULT (\d+) (\d+) (\d+)$", re.MULTILINE)
_END_S: Final = 20.0

#: An address is used once in a benchmark: each run begins where no other comes to.
_RUNS: Final = count(1)
_ADDRESSES_PER_RUN: Final = 10_000_000


class Load(NamedTuple):
    """What wrk counted: requests that were answered with a success."""

    requests: int
    seconds: float

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds


def send_mails(address: str, seconds: int, folder: Path) -> Load:
    """Ask for mails for a while, each to another address.

    Those under way at the end are not counted, and may have been accepted: as many as there are connections.

    Args:
        address: the web side, `host:port`.
        seconds: for how long.
        folder: where the output goes.

    Raises:
        MeasureError: if requests failed.
    """
    return _run(address, seconds, folder, ["/?sendmail=m", str(next(_RUNS) * _ADDRESSES_PER_RUN)])


def talk(address: str, seconds: int, folder: Path) -> Load:
    """Ask for talktome for a while; see `send_mails`."""
    return _run(address, seconds, folder, ["/?talktome"])


def _run(address: str, seconds: int, folder: Path, arguments: list[str]) -> Load:
    options = ["-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", str(_SCRIPT)]
    with Program(["wrk", *options, f"http://{address}/", "--", *arguments], folder / "wrk.out") as program:
        program.wait(seconds + _END_S)
        found = _RESULT.search(program.text)
        if not found:
            raise MeasureError(f"wrk at {address}: {program.text.strip()}")
    requests, duration_us, errors = (int(value) for value in found.groups())
    if errors or not requests:
        raise MeasureError(f"{errors} of {requests} requests for {arguments[0]} at {address} failed")
    return Load(requests, duration_us / 1e6)
