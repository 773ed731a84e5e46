"""`python -m benchmarks`: measures ours and the peers in turns, and writes down what came of it."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks import machine, plot, report
from benchmarks.errors import MeasureError
from benchmarks.figures import Samples
from benchmarks.ground import Ground
from benchmarks.measurement import FULL, QUICK, Measurement, Scale
from benchmarks.measurements.accepting import ACCEPTING, ACCEPTS, ACCEPTS_NGINX
from benchmarks.measurements.delivering import DELIVERIES, DELIVERING
from benchmarks.measurements.full_outbox import FULL_OUTBOX
from benchmarks.measurements.latency import IDLE_P50, IDLE_P99, LATENCY
from benchmarks.measurements.limits import LIMITS
from benchmarks.measurements.memory import AT_REST, MEMORY, MEMORY_LONG
from benchmarks.measurements.slow_relay import SLOW_DELIVERIES, SLOW_RELAY
from benchmarks.measurements.talking import TALKING, TALKTOMES
from stack.errors import StackError

MEASUREMENTS: Final = (
    ACCEPTING, TALKING, DELIVERING, SLOW_RELAY, LATENCY, FULL_OUTBOX, LIMITS, MEMORY, MEMORY_LONG,
)  # fmt: skip
_DRAWN: Final = (ACCEPTS, ACCEPTS_NGINX, TALKTOMES, DELIVERIES, SLOW_DELIVERIES, IDLE_P50, IDLE_P99, AT_REST)


def main(arguments: Sequence[str]) -> int:
    """Run as a command; the exit code is 0 when all was measured, whether or not a target is met, and 1 when not."""
    asked = _parse(arguments)
    scale = QUICK if asked.quick else FULL
    if asked.rounds:
        scale = replace(scale, rounds=asked.rounds)
    chosen = [measurement for measurement in MEASUREMENTS if not asked.only or measurement.name in asked.only]
    # Whoever ends it wants all that it has started ended, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with Ground() as ground:
            described = machine.describe(ground.broker_version)
            samples = _measure(ground, chosen, scale)
    except (MeasureError, StackError, AssertionError) as error:  # the tests' servers assert what they wait for
        _say(f"not measured: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    text = report.results(samples, described)
    print(text)
    if asked.report:
        report.write(asked.report, text)
        plot.draw(plot.groups(samples, _DRAWN), asked.report.with_suffix(".svg"))
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, help=f"how often each is measured; {FULL.rounds} if not given")
    parser.add_argument("--quick", action="store_true", help="one short round: whether it works, and a rough idea")
    parser.add_argument(
        "--only",
        action="append",
        choices=[measurement.name for measurement in MEASUREMENTS],
        help="this part alone; may be given several times",
    )
    parser.add_argument("--report", type=Path, help="the document that gets the results, with a plot beside it")
    return parser.parse_args(arguments)


def _measure(ground: Ground, chosen: Sequence[Measurement], scale: Scale) -> Samples:
    samples = Samples()
    began = time.monotonic()
    for number in range(scale.rounds):
        for measurement in chosen:
            if measurement.once and number:
                continue
            for system in measurement.in_turn(number):
                measured = measurement.measure(ground, system, scale)
                samples.add(system.name, measured)
                figures = ", ".join(
                    f"{figure.title} {figure.text(value)} {figure.unit}" for figure, value in measured.items()
                )
                _say(f"{time.monotonic() - began:4.0f} s, round {number + 1}: {system.name}: {figures}")
    return samples


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
