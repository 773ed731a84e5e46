"""All drills there are."""

from typing import Final

from tests.drills import broker, machine, processes, relay

ALL: Final = (*processes.SCENARIOS, *broker.SCENARIOS, *relay.SCENARIOS, *machine.SCENARIOS)
