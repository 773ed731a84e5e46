"""What is made of the samples: medians, ratios, targets, tables, a plot."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import plot, report
from benchmarks.figures import Figure, Samples
from benchmarks.measurement import Measurement
from benchmarks.measurements.accepting import ACCEPTS
from benchmarks.measurements.latency import IDLE_P50
from benchmarks.measurements.memory import AFTER_A_TENTH, AFTER_ALL
from benchmarks.systems import CELERY, DRAMATIQ, EMPTY, OURS, System
from benchmarks.targets import TARGETS, Target


@pytest.fixture
def samples() -> Samples:
    """Three rounds; in the second the machine had half its speed."""
    samples = Samples()
    for ours, theirs in ((4000, 2000), (2000, 900), (4400, 2000)):
        samples.add(OURS.name, {ACCEPTS: ours, IDLE_P50: 3.0})
        samples.add(CELERY.name, {ACCEPTS: theirs, IDLE_P50: 4.0})
    samples.add(OURS.name, {AFTER_A_TENTH: 100, AFTER_ALL: 120})
    return samples


def test_a_median_is_over_the_rounds(samples: Samples) -> None:
    assert samples.median(ACCEPTS, OURS.name) == 4000
    assert samples.median(ACCEPTS, "another") is None


def test_a_ratio_is_that_of_the_medians(samples: Samples) -> None:
    assert samples.ratio(ACCEPTS, OURS.name, CELERY.name) == pytest.approx(2.0)
    assert samples.ratio(ACCEPTS, OURS.name, "another") is None


def test_nothing_is_a_multiple_of_nothing(samples: Samples) -> None:
    samples.add(EMPTY.name, {ACCEPTS: 0})
    assert samples.ratio(ACCEPTS, OURS.name, EMPTY.name) is None
    assert samples.ratio(ACCEPTS, EMPTY.name, OURS.name) == 0


def test_a_figure_can_be_compared_with_another_one_of_the_same_system(samples: Samples) -> None:
    assert samples.ratio(AFTER_ALL, OURS.name, OURS.name, AFTER_A_TENTH) == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("figure", "ratio", "missed_by"),
    [(ACCEPTS, 2.0, 0.0), (ACCEPTS, 2.5, 0.0), (ACCEPTS, 1.5, 0.25), (IDLE_P50, 1.9, 0.0), (IDLE_P50, 2.5, 0.25)],
)
def test_a_target_is_missed_by_a_part_of_its_bound(figure: Figure, ratio: float, missed_by: float) -> None:
    assert Target(figure, CELERY, 2.0).missed_by(ratio) == pytest.approx(missed_by)


def test_a_target_names_a_figure_that_is_measured_of_both() -> None:
    from benchmarks.__main__ import MEASUREMENTS

    measured = {system.name for measurement in MEASUREMENTS for system in measurement.systems}
    assert all({target.of.name, target.over.name} <= measured for target in TARGETS)


def test_each_system_is_the_first_of_a_round() -> None:
    measurement = Measurement("any", lambda *_: {}, [OURS, DRAMATIQ, CELERY])
    assert [measurement.in_turn(number)[0] for number in range(4)] == [OURS, DRAMATIQ, CELERY, OURS]
    assert measurement.in_turn(1) == [DRAMATIQ, CELERY, OURS]


def test_the_report_says_of_each_target_whether_it_is_met(samples: Samples) -> None:
    samples.add(EMPTY.name, {ACCEPTS: 20_000})
    lines = report.results(samples, ["A machine."]).splitlines()
    assert lines[0] == "A machine."
    assert "| accepts, web side alone, of Celery | ≥ 2.00 | 2.00 | met |" in lines
    assert "| accepts, web side alone, of Waitress, empty app | ≥ 0.40 | 0.20 | missed by 50% |" in lines
    assert "| request to relay, idle, p50, of Celery | ≤ 1.00 | 0.75 | met |" in lines
    assert "| memory after all mails, of memory after a tenth of the mails | ≤ 1.05 | 1.20 | missed by 14% |" in lines
    assert "| accepts, web side alone | Messaging | 4,000 /s | 2,000 to 4,400 |" in lines


def test_the_rows_of_a_table_have_as_many_cells_as_its_heading(samples: Samples) -> None:
    samples.add(EMPTY.name, {ACCEPTS: 20_000})
    for table in report.results(samples, ["A machine."]).split("\n\n")[1:]:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_what_stands_around_the_results_stays(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("Before.\n<!-- written by make bench -->\nold\n<!-- end of what make bench wrote -->\nAfter.\n")
    for text in ("new", "newer"):
        report.write(document, text)
    assert document.read_text() == (
        "Before.\n<!-- written by make bench -->\n\nnewer\n\n<!-- end of what make bench wrote -->\nAfter.\n"
    )


def test_the_plot_is_well_formed_and_has_a_bar_for_each_system(samples: Samples, tmp_path: Path) -> None:
    samples.add(CELERY.name, {AFTER_ALL: 1})
    odd = System('less < more & "more"', web=())
    samples.add(odd.name, {ACCEPTS: 8000})
    plot.draw(plot.groups(samples, [ACCEPTS, IDLE_P50, AFTER_A_TENTH]), tmp_path / "plot.svg")
    root = ET.fromstring((tmp_path / "plot.svg").read_text())
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text in (OURS.name, CELERY.name, odd.name)] == [
        OURS.name, CELERY.name, odd.name, OURS.name, CELERY.name,
    ]  # fmt: skip
    bars = [float(each.attrib["width"]) for each in root.iter() if each.attrib.get("class") in ("ours", "other")]
    assert bars[0] == pytest.approx(bars[2] / 2, rel=0.01)
    assert max(bars) == bars[2] == bars[4]
