"""The threat model and OWASP's lists name tests that there are; what tools did not look at is never told as sound."""

from pathlib import Path

import pytest

from tests.assurance.hazards import existing_tests
from tests.assurance.pack import security
from tests.assurance.pack.run import Outcome, TestRun
from tests.assurance.scans import (
    ACCEPTED,
    Accepted,
    CodeScan,
    DependencyScan,
    KnownWeakness,
    accepted,
    read_code_scan,
    read_dependency_scan,
)
from tests.assurance.test_pack import AT, facts
from tests.assurance.threats import flows, lines, owasp

FLOWS, LISTS = flows(), owasp()
NAMED = list(lines(FLOWS, LISTS))
ALL = {test for line in NAMED for test in line.tests}


def test_every_test_that_a_threat_or_a_risk_names_is_there():
    there = existing_tests(ALL)
    assert [test for line in NAMED for test in line.missing(there)] == []


def test_a_test_that_is_gone_opens_its_line():
    assert NAMED[0].missing(ALL - {NAMED[0].tests[0]}) == [NAMED[0].tests[0]]


def test_the_lists_are_whole_and_of_the_editions_that_they_name():
    assert [(each.title, each.edition) for each in LISTS] == [
        ("OWASP Top 10", "2025"),
        ("OWASP API Security Top 10", "2023"),
    ]
    assert [risk.id for risk in LISTS[0].risk] == [f"A{number:02}:2025" for number in range(1, 11)]
    assert [risk.id for risk in LISTS[1].risk] == [f"API{number}:2023" for number in range(1, 11)]


def test_a_line_is_accepted_for_one_reason():
    lines_of = [(each.test, each.file, line) for each in accepted() for line in each.lines]
    assert lines_of
    assert len(set(lines_of)) == len(lines_of)


def report(*lines: int) -> dict[str, object]:
    file = "tests/assurance/security/accepted.toml"  # any text will do
    found = {
        "test_id": "B101",
        "filename": f"./{file}",
        "issue_severity": "LOW",
        "issue_text": "Use of assert.",
    }
    return {
        "metrics": {"_totals": {"loc": 1200}},
        "results": [{**found, "line_number": line} for line in lines],
    }


def test_a_finding_is_explained_by_its_line_and_open_when_the_line_is_another():
    first, second = ACCEPTED.read_text(encoding="utf-8").splitlines()[:2]
    known = Accepted(
        test="B101", file="tests/assurance/security/accepted.toml", why="It is so.", lines=(second.strip(),)
    )
    scan = read_code_scan(report(2, 1), [known])
    assert [(found.line, found.why) for found in scan.findings] == [(1, None), (2, "It is so.")]
    assert [found.line for found in scan.unexplained] == [1]
    assert scan.lines == 1200
    assert first != second


@pytest.mark.parametrize(
    ("dependencies", "scan"),
    [
        (
            [{"name": "b", "skip_reason": "not found"}, {"name": "a", "skip_reason": "not found"}],
            DependencyScan(
                left_out=("a", "b"),
                not_run="no access to the service that knows of weaknesses: it knew no package",
            ),
        ),
        ([{"name": "a", "version": "1", "vulns": []}], DependencyScan(1)),
        (
            [
                {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]},
                {"name": "b", "skip_reason": "not found"},
            ],
            DependencyScan(1, ("b",), (KnownWeakness("a", "1", "PYSEC-1", ("2",)),)),
        ),
    ],
)
def test_a_package_that_nobody_looked_up_is_not_one_without_weaknesses(dependencies, scan):
    assert read_dependency_scan({"dependencies": dependencies}) == scan


def test_the_page_says_what_was_not_run(tmp_path: Path):
    summary = security.write_found(
        tmp_path, facts(), CodeScan(not_run="it ended"), DependencyScan(not_run="no access")
    )
    text = (tmp_path / "security.md").read_text(encoding="utf-8")
    assert "**Not run**: it ended." in text
    assert "**Not run**: no access." in text
    assert "that is not the same as none" in text
    assert f"`{NAMED[0].tests[0]}` (not in the run)" in text
    assert any("not run (no access)" in line for line in summary.open)
    assert summary.fails == ()


def test_the_page_says_what_passed_and_a_failure_forbids_a_release(tmp_path: Path):
    outcomes = {test: Outcome("passed", 0.1, 1) for test in ALL}
    failed = NAMED[0].tests[0]
    fuzzer = "tests/fuzz/test_bundles.py::test_an_entry_may_hold_anything"
    run = TestRun(
        "abc123", AT, {**outcomes, failed: Outcome("failed", 0.1, 1), fuzzer: Outcome("passed", 1, 40)}
    )
    found = read_code_scan(report(1), [])
    summary = security.write_found(
        tmp_path, facts(run=run), found, DependencyScan(1, (), (KnownWeakness("a", "1", "PYSEC-1", ()),))
    )
    text = (tmp_path / "security.md").read_text(encoding="utf-8")
    assert f"`{failed}` (failed)" in text
    assert f"| `{fuzzer}` | passed, 40 cases |" in text
    assert "**open**: Use of assert." in text
    assert "| a | 1 | PYSEC-1 | no version yet |" in text
    assert summary.fails == (f"A test of the security page failed: {failed}",)
