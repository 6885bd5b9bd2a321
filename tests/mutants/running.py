"""Tests run over a changed module: each change in a process forked off this one, which writes no file.

The changed module is compiled from the changed tree. Of the tests that come to the changed line the cheapest run
first, and as many as fit into the time that one change may take.
"""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from tests.mutants.forks import forked, tested
from tests.mutants.operators import Mutant, changed, mutants
from tests.mutants.reach import AS_IMPORTED, BaselineError, Reach

FUSE_SECONDS = 30
CPU_SECONDS = 120
NOT_NOTICED = {pytest.ExitCode.OK}
NEVER_ENDS = 71
NO_TEST = pytest.ExitCode.NO_TESTS_COLLECTED


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a change.

    Attributes:
        mutant: the change.
        fate: "killed"; "survived"; "unreached" when no test comes to its line; "equivalent": not tried.
        judges: how many tests were run over it, unless one noticed.
        reaching: how many tests might notice.
    """

    mutant: Mutant
    fate: str
    judges: int = 0
    reaching: int = 0


def judged(
    file: Path,
    reach: Reach,
    chosen: Callable[[list[Mutant]], list[Mutant]],
    *,
    processes: int,
    seconds: float,
    equivalent: Collection[int] = (),
) -> Iterator[Verdict]:
    """The chosen changes of a module with what became of them, as they are done.

    Args:
        file: the module.
        reach: what tests come to in it.
        chosen: which of all changes are made.
        processes: at a time.
        seconds: that the tests of one change may take, by what they took unchanged.
        equivalent: numbers of the changes that are known to change nothing.

    Raises:
        BaselineError: a test that came to a line is not there any more.
    """
    source = file.read_text(encoding="utf-8")
    running: dict[int, Verdict] = {}
    for mutant in chosen(mutants(source)):
        if mutant.number in equivalent:
            yield Verdict(mutant, "equivalent")
            continue
        reaching = _reaching(mutant, reach)
        if not reaching:
            yield Verdict(mutant, "unreached")
            continue
        judges = _first(reaching, reach, seconds)
        while len(running) >= processes:
            yield _next_done(running)
        process = forked(lambda: _try(file, source, mutant, judges, reach))  # noqa: B023 - runs at once
        running[process] = Verdict(mutant, "survived", len(judges), len(reaching))
    while running:
        yield _next_done(running)


def _reaching(mutant: Mutant, reach: Reach) -> list[str]:
    """The tests that may notice a change, the cheapest first.

    Where the tracer names other lines of the statement, those that come to these; where the line runs as the
    module is imported, any: at first those that come to the module again.
    """
    names = reach.of(mutant.lines) or reach.of(mutant.statement)
    if AS_IMPORTED in names:
        return sorted(reach.seconds, key=lambda test: (test not in reach.lines, reach.seconds[test]))
    return sorted(names, key=reach.seconds.__getitem__)


def _first(tests: Sequence[str], reach: Reach, seconds: float) -> list[str]:
    """As many as fit into that time, at least one; those of a file together, as they share what it sets up."""
    fit = sum(spent <= seconds for spent in accumulate(reach.seconds[test] for test in tests))
    taken = tests[: max(1, fit)]
    files = list(dict.fromkeys(test.partition("::")[0] for test in taken))
    return sorted(taken, key=lambda test: files.index(test.partition("::")[0]))


def _next_done(running: dict[int, Verdict]) -> Verdict:
    process, status = os.wait()
    verdict = running.pop(process)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(
            process, signal.SIGKILL
        )  # servers that its tests started, where it did not come to stop them
    code = os.waitstatus_to_exitcode(status)
    if code == NO_TEST:
        raise BaselineError(f"no test ran over line {verdict.mutant.lines[0]}")
    return verdict if code in NOT_NOTICED else Verdict(verdict.mutant, "killed")


def _try(file: Path, source: str, mutant: Mutant, judges: Sequence[str], reach: Reach) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    code = compile(changed(source, mutant.number), str(file.absolute()), "exec", dont_inherit=True)
    sys.meta_path.insert(0, _Changed(file, code))
    fuse = max(FUSE_SECONDS, 5 * max(reach.seconds[test] for test in judges))
    # What a test waits for may never come, and then nor does the end of what it set up.
    ends = threading.Timer(2 * fuse, os._exit, [NEVER_ENDS])
    ends.daemon = True
    ends.start()
    return tested([*judges, "--exitfirst", f"--timeout={fuse}"], plugins=[_InOrder(judges)])


class _InOrder:
    """Has the tests run in the order in which they are named."""

    def __init__(self, names: Sequence[str]) -> None:
        self._places = {name: place for place, name in enumerate(names)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self._places[item.nodeid])


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module with a change in it."""

    def __init__(self, file: Path, code: CodeType) -> None:
        self._name = ".".join(file.with_suffix("").parts)
        self._file = file.absolute()
        self._code = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._file, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        return self._code

    def get_source(self, fullname: str) -> str:
        return self._file.read_text(encoding="utf-8")
