"""What is checked once a run is over, in however many processes it ran: no patient can be read in its logs."""

from pathlib import Path

import pytest
import xdist  # type: ignore[import-untyped]  # ships no types

from tests.support import run_logs

# Tests that cannot have run without writing such a log.
WRITES = {
    "tests/integration/pipeline/": run_logs.PROCESS,
    "tests/integration/cli/": run_logs.CHILD,
    "tests/integration/bus/": run_logs.SERVER,
}


class LogCheck:
    """Fails the run for a line that tells of a patient, and for logs that were not kept.

    Lives in the process that shows the results, not in those that it started.
    """

    def __init__(self) -> None:
        self._ran: set[str] = set()
        self._faults: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note which kinds of logs must be there."""
        if report.when == "call" and report.passed:
            self._ran |= {kind for folder, kind in WRITES.items() if report.nodeid.startswith(folder)}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Look, now that nothing writes any more."""
        folder = log_root(session)
        written = {file.name for file in folder.rglob("*") if file.is_file() and file.stat().st_size}
        self._faults = [
            *run_logs.leaks(folder),
            *(
                f"{kind}: nothing was kept"
                for kind in sorted(self._ran)
                if not any(name.startswith(kind) for name in written)
            ),
        ]
        if self._faults and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where, never what."""
        if self._faults:
            terminalreporter.section("logs that may tell of a patient", red=True)
            terminalreporter.write("".join(f"{fault}\n" for fault in self._faults))


def log_root(session: pytest.Session) -> Path:
    """Where the logs of all processes of this run are kept, a folder each."""
    base: Path = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # no public way
    return (base.parent if xdist.is_xdist_worker(session) else base) / "logs"
