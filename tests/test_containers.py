"""What can be known of the containers without an engine: schema, linters, and the promises that a slip would break."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "compose.yaml"
TEMPLATE = ROOT / "nginx" / "nginx.conf.template"


def tool(name: str) -> str:
    """A linter from the tests' own environment: where it is missing, a skip for a person and an error in CI."""
    path = Path(sys.executable).parent / name
    if path.exists():
        return str(path)
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed (requirements-dev.txt has it)")


def run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(COMPOSE)["services"]
    return found


def test_compose_yaml_follows_the_compose_schema() -> None:
    run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", COMPOSE)


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    run(tool("hadolint"), ROOT / "Dockerfile")


def test_only_the_edge_is_published_beyond_this_host() -> None:
    ports = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert ports == {"nginx": ["80:8080"], "rabbitmq": ["127.0.0.1:15672:15672"]}


@pytest.mark.parametrize("name", sorted(services()))
def test_every_service_drops_what_it_does_not_need(name: str) -> None:
    service = services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["stop_grace_period"] == "20s"
    assert "privileged" not in service
    assert "cap_add" not in service


@pytest.mark.parametrize("name", ["nginx", "rabbitmq", "web", "worker"])
def test_every_service_of_ours_writes_to_volumes_and_memory_only(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert all(":/" in volume for volume in service["volumes"]), "an unnamed volume is lost with its container"


def test_web_and_worker_are_one_image_with_one_outbox() -> None:
    web, worker = services()["web"], services()["worker"]
    for key in ("build", "image", "environment", "env_file", "volumes"):
        assert web[key] == worker[key]
    assert worker["restart"] == "always"


@pytest.mark.parametrize("name", sorted(services()))
def test_every_service_is_started_again_when_it_ends(name: str) -> None:
    assert services()[name]["restart"] == ("always" if name == "worker" else "unless-stopped")


def test_the_outbox_and_the_talktome_log_lie_on_volumes() -> None:
    declared = YAML(typ="safe").load(COMPOSE)["volumes"]
    for name in ("web", "worker"):
        service = services()[name]
        mounted = {Path(place): volume for volume, place in (each.split(":") for each in service["volumes"])}
        outbox = Path(service["environment"]["DATABASE_URL"].removeprefix("sqlite:///"))
        log = Path(service["environment"]["TALKTOME_LOG"])
        assert mounted[outbox.parent] in declared
        assert mounted[log.parent] in declared


def test_who_needs_another_one_waits_until_that_one_is_well() -> None:
    waits = {name: service["depends_on"] for name, service in services().items() if "depends_on" in service}
    well = {"condition": "service_healthy"}
    # The web process needs nobody: it takes mails while the broker is away.
    assert waits == {"worker": {"rabbitmq": well}, "nginx": {"web": well}, "ngrok": {"nginx": well}}


def test_whether_a_service_is_well_is_asked_of_itself() -> None:
    found = services()
    checks = {name: service["healthcheck"].get("test") for name, service in found.items() if "healthcheck" in service}
    listens = found["nginx"]["environment"]["EDGE_LISTEN"].rpartition(":")[2]
    healthz = ["CMD", "curl", "-fsS", "-o", "/dev/null", f"http://127.0.0.1:{listens}/healthz"]
    assert checks == {"worker": None, "rabbitmq": ["CMD", "rabbitmq-diagnostics", "-q", "ping"], "nginx": healthz}
    assert found["worker"]["healthcheck"] == {"disable": True}
    for name in ("rabbitmq", "nginx"):
        assert {"interval", "timeout", "start_period"} <= found[name]["healthcheck"].keys()


def test_nginx_is_no_root_and_is_told_to_end_by_the_signal_that_drains_it() -> None:
    nginx = services()["nginx"]
    assert nginx["user"] == "101:101"
    assert nginx["stop_signal"] == "SIGQUIT"
    # The others drain at SIGTERM.
    assert [name for name, service in services().items() if "stop_signal" in service] == ["nginx"]


def test_the_image_check_runs_the_worker_as_compose_does() -> None:
    command = json.dumps(services()["worker"]["command"])
    assert f"\nWORKER = {command}\n" in (ROOT / "tests" / "image-check").read_text()


def test_no_secret_and_no_default_for_one_is_written_in_the_compose_file() -> None:
    text = COMPOSE.read_text()
    uses = re.findall(r"\$\{(RABBITMQ_PASSWORD|NGROK_AUTHTOKEN)(.*?)\}", text)
    assert {name for name, _ in uses} == {"RABBITMQ_PASSWORD", "NGROK_AUTHTOKEN"}
    assert all(rest.startswith(":?") or rest == ":-" for _, rest in uses)
    assert "guest:" not in text


def test_nginx_gets_exactly_what_its_template_asks_for() -> None:
    asked = set(re.findall(r"\$\{(\w+)\}", TEMPLATE.read_text()))
    nginx = services()["nginx"]
    assert set(nginx["environment"]) == asked
    [command] = nginx["command"]
    assert set(re.findall(r"\$\$(\w+)", command)) == asked


def test_nginx_knows_the_web_process_and_the_tunnel_by_their_fixed_addresses() -> None:
    found = services()
    environment = found["nginx"]["environment"]
    web = found["web"]["networks"]["edge"]["ipv4_address"]
    tunnel = found["ngrok"]["networks"]["edge"]["ipv4_address"]
    assert environment["WEB_ADDRESS"] == f"{web}:{found['web']['environment']['LISTEN'].rpartition(':')[2]}"
    assert environment["TUNNEL_ADDRESS"] == f"${{TUNNEL_ADDRESS:-{tunnel}}}"


def test_the_web_process_believes_nginx_alone() -> None:
    found = services()
    assert found["web"]["environment"]["PROXY_ADDRESSES"] == found["nginx"]["networks"]["edge"]["ipv4_address"]


def test_the_edge_cannot_reach_the_broker() -> None:
    found = services()
    assert set(found["rabbitmq"]["networks"]) == {"broker"}
    assert set(found["nginx"]["networks"]) == set(found["ngrok"]["networks"]) == {"edge"}


def test_the_image_runs_as_a_numbered_user_and_takes_signals_itself() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^CMD (.*)$", text, re.MULTILINE) == ['["python", "-m", "messaging", "serve"]']
    assert re.findall(r"^STOPSIGNAL (.*)$", text, re.MULTILINE) == ["SIGTERM"]


def test_the_builder_is_sent_only_what_the_dockerfile_copies() -> None:
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    copied = re.findall(r"^COPY (?!--from)(\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert first == "*"
    assert {line[1:] for line in rest if line.startswith("!")} == set(copied)
    assert "**/.env*" in rest
