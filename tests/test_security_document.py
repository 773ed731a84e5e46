"""docs/security.md can be checked: each test that it names is there, and each threat names one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from config.settings import TABLE

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "security.md").read_text()

#: A test as the document names it; `tests/` is left out of every path.
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(test_\w+)`", DOCUMENT)))

#: A row of a table: what could be done, what answers that, what shows it.
ROWS = re.findall(r"^\| ((?!---|threat ).+) \| (.+) \| (.+) \|$", DOCUMENT, re.MULTILINE)


@cache
def defined_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / "tests" / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_the_document_names_is_there(file: str, name: str) -> None:
    assert name in defined_in(file)


def test_every_threat_has_an_answer_and_a_test_that_shows_it() -> None:
    assert len(ROWS) > 30
    for threat, answer, shown in ROWS:
        assert answer, threat
        assert re.search(r"`[\w/]+\.py::test_\w+`", shown), threat


def test_every_name_in_capitals_is_a_setting() -> None:
    read_by_others = {
        "EDGE_LISTEN",
        "EDGE_RATE",
        "TUNNEL_ADDRESS",
        "NGROK_AUTHTOKEN",
        "NGROK_URL",
        "RABBITMQ_PASSWORD",
        "NAME_FILE",
    }
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`", DOCUMENT))
    assert named <= {setting.name for setting in TABLE.values()} | read_by_others
