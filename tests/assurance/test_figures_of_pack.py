"""Performance, operations and licences: pages of small facts, which say what was not run."""

from pathlib import Path

from tests.assurance.pack import components, operations, performance
from tests.assurance.pack.run import Outcome, TestRun
from tests.assurance.test_pack import AT, facts
from tests.duties.register import load
from tests.release.licences import DeclaredLicence, LicensedPackage
from tests.release.lock import LockedPackage
from tests.support.kept_results import KeptResult, commit, keep, kept

MEASURED = [
    performance.SpeedLine("worker CPU / bare loop CPU", 1.2, "<= 1.6", True, "beside the loop alone"),
    performance.SpeedLine("throughput with a 2 s practice", 10.0, ">= 15", False, ""),
    performance.SpeedLine("instructions: a record", 1.0, "<= 1.03", True, ""),
]


def test_the_share_of_a_goal_is_told_either_way():
    assert [line.share for line in MEASURED] == [0.75, 1.5, 0.971]


def test_a_chart_has_its_title_its_words_and_the_same_figures_in_a_table(tmp_path: Path):
    of_bench = KeptResult("another", AT)
    week = KeptResult(
        "abc123", AT, {"seed": "7", "requests": 45, "in_doubt": 2, "killed": 3, "ends": {"booked": 45}}
    )
    run = TestRun("abc123", AT, {"tests/faults/pipeline/test_broker.py::test_it": Outcome("passed", 1, 1)})
    summary = performance.write_measured(tmp_path, facts(run=run), MEASURED, of_bench, week)
    page = (tmp_path / "performance.html").read_text(encoding="utf-8")
    assert page.count("<svg") == page.count("<desc") == page.count('role="img"') == 2
    assert "throughput with a 2 s practice: 150 %, missed" in page
    assert '<td data-label="Used up">150 %</td>' in page
    assert "which is not the commit of this pack" in page
    assert "Not run." not in page
    assert "A worker is killed" in page
    assert "Speed: throughput with a 2 s practice missed its goal (10.0 against >= 15)." in summary.open
    assert "The results of the bench are not known to be of this commit." in summary.open


def test_what_was_not_run_is_said(tmp_path: Path):
    summary = performance.write_measured(tmp_path, facts(), [], None, None)
    page = (tmp_path / "performance.html").read_text(encoding="utf-8")
    assert page.count("<strong>Not run.</strong>") == 2
    assert "<strong>Not in the run</strong>" in page
    assert len(summary.open) == 3


def test_what_a_run_came_to_is_kept_with_its_commit(tmp_path: Path):
    keep(tmp_path / "a" / "week.json", {"requests": 45})
    found = kept(tmp_path / "a" / "week.json")
    assert found is not None
    assert (found.commit, found.content) == (commit(), {"requests": 45})
    assert kept(tmp_path / "none.json") is None


def test_every_duty_of_the_deployer_can_be_ticked_and_every_alert_is_found(tmp_path: Path):
    duties = load()
    operations.write(tmp_path, facts(duties=duties))
    page = (tmp_path / "operations.html").read_text(encoding="utf-8")
    noted = [duty for duty in duties.values() if duty.deployer_note]
    assert page.count('is done"></td>') == len(noted)
    assert all(f'aria-label="Who answers for {duty.id}"' in page for duty in noted)
    assert '<a href="#bridgerequestsfailing">' in page
    assert '<h3 id="bridgerequestsfailing">' in page
    assert "#what-to-watch" not in page
    assert "README.md#" not in page


def test_licences_are_counted_and_a_name_that_is_no_identifier_is_told(tmp_path: Path):
    rows = [
        LicensedPackage(
            LockedPackage(name, "1.0", "", "", ()), DeclaredLicence(words, spdx, "License"), ("default",)
        )
        for name, words, spdx in (("one", "MIT", True), ("two", "MIT", True), ("three", "BSD license", False))
    ]
    summary = components.write_licences(tmp_path, facts(), rows)
    page = (tmp_path / "licences.html").read_text(encoding="utf-8")
    assert "<td>MIT</td><td>2</td>" in page
    assert "no SPDX identifier: three" in page
    assert "The licence of three is named by words that are no SPDX identifier." in summary.open
