"""Runs every drill: nothing accepted is lost, and almost nothing comes twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stack.rabbitmq import RabbitMQ
from tests.drills.report import Result
from tests.drills.rig import Rig, Size
from tests.drills.scenario import RECOVERS_WITHIN_S, SETTINGS, Scenario
from tests.drills.scenarios import ALL
from tests.drills.tally import Tally
from tests.drills.watcher import PER_S
from tests.integration.system import System
from tests.integration.wrong_clock import WrongClock
from tests.servers.availability import require
from tests.servers.smtp import SmtpServer


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_nothing_is_lost(
    scenario: Scenario,
    seed: int,
    size: Size,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    report: Callable[[Result], None],
) -> None:
    require("rabbitmq")
    node = None if scenario.embedded else request.getfixturevalue("rabbitmq")
    clock = WrongClock(tmp_path / "clock") if scenario.clock else None
    with SmtpServer(scenario.script(), login=scenario.login) as server:
        urls = {"BROKER_URL": broker_url(scenario, node, size), "SMTP_URL": server.url}
        environ = {**SETTINGS, **urls, **scenario.environ}
        system = System(tmp_path, environ, clock=clock, workers=scenario.workers, web=scenario.web)
        rig = Rig(system, server, node, clock, size, seed)
        tally = rig.run(scenario.trouble, RECOVERS_WITHIN_S)
    report(Result(scenario, seed, tally))
    check(scenario, tally)
    for expectation in scenario.expects:
        expectation(rig, tally)


def check(scenario: Scenario, tally: Tally) -> None:
    """What has to be so in every scenario."""
    assert tally.accepted > 0
    assert tally.recovered_s <= RECOVERS_WITHIN_S
    assert tally.turned_down == 0 or scenario.turns_down
    assert tally.wrong_answers == ()
    assert tally.unanswered_while_up == ()
    assert tally.cut <= scenario.may_cut
    assert tally.longest_s < scenario.answers_within_s
    assert tally.lost == 0
    assert tally.doubled <= scenario.may_double(tally)
    assert tally.doubled_idle == 0 or scenario.lost_answers
    assert tally.most_often <= scenario.may_come
    assert tally.doubled_otherwise == 0
    assert tally.lies == ()
    assert tally.looks > 0
    # Half of what was meant: the machine is not ours alone, and an answer may take its time.
    assert tally.looks + tally.blind_looks >= tally.watched_s * PER_S / 2, "the status was hardly looked at"
    assert tally.looks_again >= tally.looks / 3, "no mail was followed"


def broker_url(scenario: Scenario, node: RabbitMQ | None, size: Size) -> str:
    """What `BROKER_URL` has to be."""
    if node is None:
        return "memory://"
    # Missed after 5 s more (pika, heartbeat.py). That is 15 s, as it is by default, where outages last a minute.
    return f"{node.url}?heartbeat={max(1, round(size.outage_s / 4))}" if scenario.heartbeats else node.url
