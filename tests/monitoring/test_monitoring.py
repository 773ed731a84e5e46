"""The alert rules and the dashboard are valid, alarm where they should, and ask for metrics that there are."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from messaging.metrics.attempts import Attempts
from messaging.metrics.outbox import OutboxMetrics
from messaging.metrics.publishing import MeasuredPublisher, MeasuredQueue
from messaging.metrics.requests import MeasuredApplication
from tests.fixtures.publishers import RememberingPublisher
from tests.fixtures.service import Service, make_service, service
from tests.servers.availability import require

__all__ = ["make_service", "service"]

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "monitoring"
_RULES: Final = _FOLDER / "rules.yml"
_ALERTS: Final = YAML(typ="safe").load(_RULES)["groups"][0]["rules"]
_DASHBOARD: Final = json.loads((_FOLDER / "dashboard.json").read_text())


def promtool(*arguments: str | Path) -> None:
    require("promtool")
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def expressions() -> Iterator[str]:
    for panel in _DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m")


@pytest.fixture
def told(service: Service) -> set[str]:
    """The names of all there is to be asked for."""
    registry = CollectorRegistry()
    database = service.database
    registry.register(OutboxMetrics(database, service.hold, service.heartbeats, Attempts(database)))
    MeasuredApplication(service.application, str, registry)
    MeasuredPublisher(RememberingPublisher(), registry)
    MeasuredQueue(object(), registry)  # type: ignore[arg-type]
    suffixes = {"counter": ["_total"], "histogram": ["_count", "_sum", "_bucket"]}
    return {family.name + suffix for family in registry.collect() for suffix in suffixes.get(family.type, [""])}


def named(expression: str) -> set[str]:
    return set(re.findall(r"\bmessaging_\w+", expression))


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    promtool("check", "rules", _RULES)


def test_what_has_to_alarm_alarms_and_what_is_well_does_not(tmp_path: Path) -> None:
    tests = tmp_path / "tests.yml"
    text = (Path(__file__).parent / "rules_test.yml").read_text()
    tests.write_text(text.replace("RULES", str(_RULES)))
    promtool("test", "rules", tests)
    assert len(_ALERTS) == 11, "the count in rules_test.yml"


@pytest.mark.parametrize("alert", _ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_and_what_to_do(alert: dict[str, Any]) -> None:
    assert set(alert["annotations"]) == {"summary", "action"}
    assert alert["labels"]["severity"] in ("warning", "critical")


def test_the_dashboard_s_questions_are_ones_that_prometheus_understands(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(expressions())]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", path)


def test_the_panels_of_the_dashboard_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in _DASHBOARD["panels"]:
        at = panel["gridPos"]
        place = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert taken.isdisjoint(place), panel["title"]
        assert max(x for x, _ in place) < 24
        taken |= place


def test_rules_and_dashboard_ask_only_for_what_there_is(told: set[str]) -> None:
    asked = set().union(*(named(each) for each in [*expressions(), *(alert["expr"] for alert in _ALERTS)]))
    assert asked - told == set()


def test_the_page_names_every_metric_and_no_other(told: set[str]) -> None:
    page = named((_FOLDER / "README.md").read_text())
    bases = {re.sub(r"_(count|sum|bucket)$", "", name) for name in told}
    assert page == bases
