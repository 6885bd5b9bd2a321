"""What a run of the tests came to, from the JUnit XML that ``make test`` writes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

Result = Literal["passed", "failed", "skipped", "partly skipped", "not in the run"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one test function, all its cases together.

    Attributes:
        result: ``failed`` when one case did; ``partly skipped`` when some cases ran, and passed, and some did not.
        seconds: of all cases.
        cases: how many there are in the run.
    """

    result: Result
    seconds: float = 0.0
    cases: int = 0


NOT_IN_RUN = Outcome("not in the run")


@dataclass(frozen=True, slots=True)
class TestRun:
    """One run.

    Attributes:
        commit: that it ran on; ``…-changed`` when files differed from it; None where it is not known.
        started_at: None when there was no run.
        outcomes: by test, as ``path::name`` or ``path::Class::name``.
    """

    __test__ = False

    commit: str | None = None
    started_at: datetime | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def of(self, test: str) -> Outcome:
        """What a test came to; one inside of a class may be named without it, and is what all of that name came to."""
        if test in self.outcomes:
            return self.outcomes[test]
        file, _, name = test.rpartition("::")
        inside = [
            outcome
            for known, outcome in self.outcomes.items()
            if known.startswith(f"{file}::") and known.endswith(f"::{name}")
        ]
        return _together(inside) if inside else NOT_IN_RUN

    def standing(self, tests: Iterable[str]) -> set[str]:
        """Those of `tests` that ran, every case of them, and passed."""
        return {test for test in tests if self.of(test).result == "passed"}


def read_run(file: Path, root: Path) -> TestRun:
    """A run from its file; an empty one when there is no such file.

    Args:
        file: as pytest writes it.
        root: of the source tree, to tell modules from classes.
    """
    if not file.is_file():
        return TestRun()
    suites = ET.parse(file).getroot().findall("testsuite")  # written by this project's own run
    cases: dict[str, list[Outcome]] = {}
    for case in (case for suite in suites for case in suite.findall("testcase")):
        cases.setdefault(_test_of(case, root), []).append(_outcome_of(case))
    return TestRun(
        commit=suites[0].get("name") or None,
        started_at=datetime.fromisoformat(suites[0].attrib["timestamp"]).astimezone(UTC),
        outcomes={test: _together(outcomes) for test, outcomes in sorted(cases.items())},
    )


def _test_of(case: ET.Element, root: Path) -> str:
    names = case.get("classname", "").split(".")
    # A module that could not be collected has no class name, and its own name is the module's.
    name = case.attrib["name"].partition("[")[0]
    for length in range(len(names), 0, -1):
        path = "/".join(names[:length]) + ".py"
        if (root / path).is_file():
            return "::".join([path, *names[length:], name])
    return "::".join([*names, name])


def _outcome_of(case: ET.Element) -> Outcome:
    kinds = {child.tag for child in case}
    result: Result = "passed"
    if kinds & {"failure", "error"}:
        result = "failed"
    elif "skipped" in kinds:
        result = "skipped"
    return Outcome(result, float(case.get("time", "0")), 1)


def _together(outcomes: list[Outcome]) -> Outcome:
    results = {outcome.result for outcome in outcomes}
    result: Result
    if "failed" in results:
        result = "failed"
    elif results == {"passed"}:
        result = "passed"
    elif results == {"skipped"}:
        result = "skipped"
    else:
        result = "partly skipped"
    return Outcome(
        result, sum(outcome.seconds for outcome in outcomes), sum(outcome.cases for outcome in outcomes)
    )
