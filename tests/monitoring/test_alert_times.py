"""Each alert fires when it is time, and not a minute before."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.test_monitoring import _ALERTS, _RULES, promtool

#: What is wrong from the first minute on, and the minute at which that is an alert; never, if there is none.
CASES: list[tuple[str, Mapping[str, str], int | None]] = [
    ("MessagingAway", {'up{job="messaging"}': "0x99"}, 1),
    ("MessagingOutboxAway", {"messaging_outbox_up": "0x99"}, 1),
    ("MessagingRelayHeld", {"messaging_relay_held_seconds": "0+60x99"}, 6),
    ("MessagingNoWorker", {'messaging_processes{role="worker"}': "0x99"}, 2),
    ("MessagingNoDispatcher", {'messaging_processes{role="dispatcher"}': "0x99"}, 2),
    ("MessagingMailOverdue", {"messaging_oldest_due_seconds": "0+60x99", "messaging_relay_held": "0x99"}, 5),
    ("MessagingMailOverdue", {"messaging_oldest_due_seconds": "0+60x99", "messaging_relay_held": "1x99"}, None),
    ("MessagingBacklogGrows", {'messaging_mails{state="queued"}': "0+100x99"}, 26),
    ("MessagingBacklogGrows", {'messaging_mails{state="queued"}': "5000-1x99"}, None),
    ("MessagingPublishRefused", {"messaging_publish_refused_total": "0+1x99"}, 6),
    (
        "MessagingFailures",
        {"messaging_accepted_total": "0+100x99", 'messaging_failed_total{class="refused"}': "0x30 1000x69"},
        31,
    ),
    (
        "MessagingFailures",
        {"messaging_accepted_total": "0+100x99", 'messaging_failed_total{class="refused"}': "0+9x99"},
        None,
    ),
    (
        "MessagingFailures",
        {"messaging_accepted_total": "0+1x4 4x95", 'messaging_failed_total{class="refused"}': "0+1x4 4x95"},
        None,
    ),
    ("MessagingOurFault", {'messaging_failed_total{class="ours"}': "0x10 1x89"}, 11),
    ("MessagingErrors", {'messaging_request_seconds_count{status="503"}': "0+60x99"}, 6),
    ("MessagingErrors", {'messaging_request_seconds_count{status="503"}': "0+5x99"}, None),
]


def case(alert: str, series: Mapping[str, str], at: int | None) -> dict[str, Any]:
    fires = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    times = [(99, 0)] if at is None else [(at - 1, 0), (at, 1)]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": fires, "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": count}]}
            for minute, count in times
        ],
    }


@pytest.mark.parametrize(("alert", "series", "at"), CASES, ids=[f"{alert} {at or 'never'}" for alert, _, at in CASES])
def test_an_alert_fires_at_its_minute(alert: str, series: Mapping[str, str], at: int | None, tmp_path: Path) -> None:
    tests = tmp_path / "tests.json"
    tests.write_text(
        json.dumps({"rule_files": [str(_RULES)], "evaluation_interval": "1m", "tests": [case(alert, series, at)]})
    )
    promtool("test", "rules", tests)


def test_every_alert_has_its_minute() -> None:
    assert {alert for alert, _, at in CASES if at} == {alert["alert"] for alert in _ALERTS}
