"""Runs every drill: nothing accepted is lost, and almost nothing comes twice."""

import uuid
from pathlib import Path

import pytest

from tests.drills import broker, machine, processes, relay
from tests.drills.report import Result
from tests.drills.rig import Rig
from tests.drills.scenario import Scenario
from tests.servers.availability import require
from tests.servers.smtp import SmtpServer

ALL = [*processes.SCENARIOS, *broker.SCENARIOS, *relay.SCENARIOS, *machine.SCENARIOS]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_nothing_is_lost(
    scenario: Scenario, seed: int, tmp_path: Path, request: pytest.FixtureRequest, results: list[Result]
) -> None:
    require("rabbitmq")
    per_s, load_s = map(float, request.config.getoption("--load").split("x"))
    node, url, vhost = None, "memory://", ""
    if not scenario.embedded:
        node = request.getfixturevalue("rabbitmq")
        vhost = "" if scenario.whole_broker else uuid.uuid4().hex
        url = node.add_vhost(vhost) if vhost else node.url
    with SmtpServer(scenario.script, login=scenario.login) as server:
        rig = Rig(tmp_path, server, node, url, scenario.environ, per_s=per_s, load_s=load_s, seed=seed)
        tally = rig.run(scenario.trouble, scenario.recovers_within_s + 60)
    results.append(Result(scenario, seed, tally))
    if vhost and node is not None:
        node.remove_vhost(vhost)
    assert tally.accepted > 0
    assert tally.lost == 0
    assert tally.lies == ()
    assert tally.doubled_otherwise == 0
    assert tally.doubled <= (tally.accepted if scenario.may_double is None else scenario.may_double)
    assert tally.recovered_s <= scenario.recovers_within_s
    scenario.also(rig, tally)
