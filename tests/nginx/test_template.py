"""The template as a text: what is filled in, and what Nginx says to the result."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from messaging.server import _LOOK_AFTER_S, IDLE_TIMEOUT_S
from tests.nginx.edge import NOBODY, TEMPLATE, own_file, render, unprivileged


def test_the_placeholders_are_the_six_that_both_ways_of_starting_fill_in() -> None:
    found = set(re.findall(r"\$\{(\w+)\}", TEMPLATE.read_text()))
    assert found == {"EDGE_LISTEN", "WEB_ADDRESS", "MAX_BODY_BYTES", "EDGE_RATE", "RUN_DIR", "TUNNEL_ADDRESS"}


@pytest.mark.parametrize("tunnel", ["127.0.0.1", "192.168.183.20", "192.168.183.0/24"])
@pytest.mark.parametrize("name", ["run", "a run"])
def test_nginx_accepts_the_configuration_without_a_warning(tunnel: str, name: str, nginx: str, folder: Path) -> None:
    run = folder / name
    run.mkdir()
    if os.geteuid() == 0:
        os.chown(run, NOBODY, NOBODY)
    config = folder / "nginx.conf"
    # A check binds the address too: a socket in the folder is one that nobody else has.
    config.write_text(render(run, f"unix:{folder}/listener", tunnel=tunnel))
    with own_file(folder / "out") as out:
        check = subprocess.run(
            [nginx, "-e", "stderr", "-t", "-c", config],
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
            **unprivileged(),
        )
    assert check.returncode == 0, check.stderr
    assert "[warn]" not in check.stderr


def test_requests_go_to_one_place_by_its_address() -> None:
    text = TEMPLATE.read_text()
    assert re.findall(r"^\s*proxy_pass (\S+);", text, re.MULTILINE) == ["http://web"]
    assert re.findall(r"^\s*server (\S+);", text, re.MULTILINE) == ["${WEB_ADDRESS}"]


def test_nothing_listens_but_the_edge() -> None:
    assert re.findall(r"^\s*listen (\S+)", TEMPLATE.read_text(), re.MULTILINE) == ["${EDGE_LISTEN}"]


def seconds(directive: str, block: str) -> list[int]:
    return [int(value) for value in re.findall(rf"^\s*{directive} (\d+)s;", block, re.MULTILINE)]


def test_it_gives_a_kept_connection_up_before_the_web_process_does() -> None:
    text = TEMPLATE.read_text()
    upstream = text[text.index("upstream web {") :].partition("\n    }")[0]
    (idle_s,) = seconds("keepalive_timeout", upstream)
    # Waitress looks for idle connections now and then, counted from its last look.
    assert 0 < idle_s < IDLE_TIMEOUT_S - _LOOK_AFTER_S


def test_who_is_refused_has_time_to_read_the_answer_and_no_more() -> None:
    text = TEMPLATE.read_text()
    (lingering_s,), (pause_s,) = seconds("lingering_time", text), seconds("lingering_timeout", text)
    # The pauses between what comes, and all of it: Nginx's own are 5 s and 30 s, for each connection.
    assert 0 < pause_s <= 2 <= lingering_s <= 5
