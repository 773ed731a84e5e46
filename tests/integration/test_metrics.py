"""The metrics say what really happened, over several worker processes and restarts."""

import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.waiting import until
from tests.integration.system import System, ask
from tests.servers.availability import require
from tests.servers.processes import Program
from tests.servers.script import Action, Conversation, Stage
from tests.servers.smtp import SmtpServer

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Busy:
    """A relay that refuses some for good, and has others try again: each address says what it wants."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, stage: Stage, argument: str, _conversation: Conversation) -> Action | None:
        if stage != "RCPT":
            return None
        if "refused" in argument:
            return "550 5.1.1 no such user"
        if "never" in argument:
            return "451 4.7.1 later"
        if "later" in argument and argument not in self.seen:
            self.seen.add(argument)
            return "451 4.7.1 later"
        return None


def scraped(system: System) -> Samples:
    answer = ask(system.internal, "GET", "/metrics")
    assert answer.status == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"messaging_{name}", frozenset(labels.items())]


def addresses(kind: str, count: int) -> list[str]:
    return [f"{kind}{number}@example.com" for number in range(count)]


def waiting(system: System) -> float:
    samples = scraped(system)
    return sum(value(samples, "mails", state=state) for state in ("queued", "sending", "retrying"))


def test_the_counts_are_exact_over_two_worker_processes_a_restart_of_one_and_one_of_the_web_process(
    tmp_path: Path, broker_url: str, smtp_server: SmtpServer
) -> None:
    require("promtool")
    smtp_server.follow(Busy())
    environ = {
        "BROKER_URL": broker_url, "SMTP_URL": smtp_server.url, "RETRY_SCHEDULE": "300ms",
        "OPEN_TOTAL": "off", "OPEN_PER_CLIENT": "off",
    }  # fmt: skip
    with System(tmp_path, environ, processes=1) as system:
        command = [sys.executable, "-m", "dramatiq", "workers.main", "-p", "1", "-t", "8"]
        with Program(command, tmp_path / "others.out", system.environ, tmp_path) as others:
            others.wait_for_line("is booting up")
            before = scraped(system)
            first = system.send_all(addresses("sent", 150) + addresses("later", 30))
            system.workers.stop()
            second = system.send_all(addresses("refused", 20) + addresses("never", 10))
            system.start_workers()
            until(lambda: waiting(system) == 0)
            assert {answer.status for answer in first + second} == {202}
            assert value(scraped(system), "processes", role="worker") == 2
        after = scraped(system)
        assert system.web.stop() == 0
        system.start_web()
        again = scraped(system)
        text = ask(system.internal, "GET", "/metrics").body
    assert value(before, "accepted_total") == 0
    for samples in (after, again):
        assert value(samples, "accepted_total") == 210
        assert value(samples, "sent_total") == len(smtp_server.accepted) == 180
        assert value(samples, "failed_total", **{"class": "refused"}) == 20
        assert value(samples, "failed_total", **{"class": "busy"}) == 10
        assert value(samples, "failed_total", **{"class": "ours"}) == 0
        assert value(samples, "retried_total") == 40
        assert value(samples, "mails", state="sent") == 180
        assert value(samples, "mails", state="failed") == 30
    assert value(after, "attempt_seconds_count", outcome="sent") == 180
    assert value(after, "attempt_seconds_count", outcome="busy") == 50
    assert value(after, "delivery_seconds_count") == 180
    assert value(after, "request_seconds_count", path="/", status="202") == 210
    assert value(after, "intake_seconds_count") == 210
    assert value(after, "published_total") + value(after, "publish_refused_total") == 210
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
