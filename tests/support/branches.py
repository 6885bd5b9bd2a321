"""Which branches the tests of `unit` and `contract` take: measured as they run, told at the end of ``make test``.

The other folders mostly wait, and much of what they show runs in processes of its own: measured as well, they would make the
gate slower without saying more. Measuring more than doubles what pure code costs, and of a test with many parameters the first
few take nearly all branches that it takes at all: no more of them are measured, and nothing that draws its examples, as it takes
others each time. So the numbers are a little low, and alike from run to run. A line of ``make test`` for each room of `bridge`;
nothing depends on the numbers.
"""

import contextlib
import os
import tempfile
from collections import Counter
from pathlib import Path

import coverage
import pytest
from hypothesis import is_hypothesis_test

ROOT = Path(__file__).parents[2]
MEASURED = (ROOT / "tests" / "unit", ROOT / "tests" / "contract")
CASES = 1
"""Of a test with parameters, so many cases are measured."""
FOLDER = "BRIDGE_TEST_BRANCHES_FOLDER"
"""Where the processes of a run leave what they saw."""


class Branches:
    """Measures in each process that runs tests, and tells in the one that shows the results."""

    def __init__(self, config: pytest.Config) -> None:
        if not hasattr(config, "workerinput"):  # of xdist, in the processes that it starts
            self._temporary = tempfile.TemporaryDirectory()
            os.environ[FOLDER] = self._temporary.name
        self._file = Path(os.environ[FOLDER]) / "seen"
        self._coverage = _coverage(self._file)
        self._looks = False
        self._cases: Counter[str] = Counter()

    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Look while the first cases of tests of these folders run."""
        test = item.nodeid.partition("[")[0]
        self._cases[test] += 1
        is_measured = (
            any(item.path.is_relative_to(folder) for folder in MEASURED)
            and self._cases[test] <= CASES
            and not (isinstance(item, pytest.Function) and is_hypothesis_test(item.function))
        )
        if is_measured and not self._looks:
            self._coverage.start()
        elif self._looks and not is_measured:
            self._coverage.stop()
        self._looks = is_measured

    def pytest_sessionfinish(self) -> None:
        """Leave what was seen."""
        if self._looks:
            self._coverage.stop()
        self._coverage.save()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell of the whole run."""
        together = _coverage(self._file)
        with self._temporary:
            os.environ.pop(FOLDER)
            with contextlib.suppress(coverage.exceptions.NoDataError):
                together.combine()
                terminalreporter.section("branches that tests of unit and contract take")
                for line in told(together, sorted((ROOT / "bridge").rglob("*.py"))):
                    terminalreporter.write_line(line)


def told(seen: coverage.Coverage, files: list[Path]) -> list[str]:
    """A line for each room, and one for all."""
    every: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for file in files:
        room = file.relative_to(ROOT / "bridge").parts[0].removesuffix(".py")
        for possible, done in seen.branch_stats(str(file)).values():
            for name in (room, "all"):
                every[name] += possible
                taken[name] += done
    rooms = [*sorted(name for name in every if name != "all"), "all"]
    return [
        f"{name:<12} {taken[name]:>6} of {every[name]:>6}  {100 * taken[name] / every[name]:>3.0f} %"
        for name in rooms
    ]


def _coverage(file: Path) -> coverage.Coverage:
    # No file of settings, no warning of what was imported before: only branches inside of functions are told.
    return coverage.Coverage(
        data_file=str(file),
        data_suffix=True,
        branch=True,
        source=[str(ROOT / "bridge")],
        config_file=False,
        messages=False,
    )
