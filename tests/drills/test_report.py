"""docs/reliability.md tells of the drills that there are."""

import re
from pathlib import Path

from tests.drills.scenarios import ALL

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_document_has_a_row_for_each_drill_and_no_other() -> None:
    rows = re.findall(r"^\| ([^|-][^|]*) \| (\d) \|", DOCUMENT.read_text(), re.MULTILINE)
    assert rows == [(scenario.name, str(scenario.promise)) for scenario in ALL]
