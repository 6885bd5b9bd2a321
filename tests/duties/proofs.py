"""Which tests claim to prove which duty: pytest collects them, and the markers are read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Proofs:
    """What a collection found: tests by duty id, and whatever makes the answer unreliable."""

    tests: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def runs(item: pytest.Item) -> bool:
    """Whether the test is to run and to pass: a skipped or xfailed one proves nothing."""
    skipped = any(condition for mark in item.iter_markers("skipif") for condition in mark.args)
    return not (skipped or any(item.iter_markers("skip")) or any(item.iter_markers("xfail")))


def claims(item: pytest.Item) -> list[str]:
    """The duty ids in the test's markers, its class's and its module's."""
    return [duty for mark in item.iter_markers("duty") for duty in mark.args]


def unknown_claims(item: pytest.Item, known: Collection[str]) -> list[str]:
    """What is wrong with the test's markers: an id that is not in the register, or no id at all."""
    empty = [
        "the duty marker takes ids" for mark in item.iter_markers("duty") if not mark.args or mark.kwargs
    ]
    return empty + [f"{duty} is not in the register" for duty in claims(item) if duty not in known]


class Collector:
    """A pytest plugin that reads the markers of everything collected."""

    def __init__(self, known: Collection[str]) -> None:
        """`known` are the ids of the register."""
        self.known = known
        self.proofs = Proofs()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be imported may hide proofs, so it is a problem."""
        if report.failed:
            self.proofs.problems.append(f"{report.nodeid}: cannot be collected\n{report.longreprtext}")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note every claim once per test function, whatever its parameters."""
        for item in items:
            name = item.nodeid.partition("[")[0]
            self.proofs.problems += [f"{name}: {fault}" for fault in unknown_claims(item, self.known)]
            for duty in claims(item) if runs(item) else []:
                tests = self.proofs.tests.setdefault(duty, [])
                if name not in tests:
                    tests.append(name)


def collect(known: Collection[str], paths: Sequence[str] = ()) -> Proofs:
    """Collect the tests under `paths` (the project's own when none are named), running none."""
    collector = Collector(known)
    options = [
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(ROOT),
        "--collect-only",
        "-p",
        "no:terminal",
    ]
    code = pytest.main([*options, *(paths or [str(ROOT / "tests")])], plugins=[collector])
    if code != pytest.ExitCode.OK and not collector.proofs.problems:
        collector.proofs.problems.append(f"the tests could not be collected (pytest: {code!r})")
    return collector.proofs
