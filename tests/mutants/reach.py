"""Which tests come to which line, and how long each takes: measured once over what is not changed, and kept.

A run over one file of tests looks at every module that these tests are to judge, and what it saw is kept in
``.mutants/reach`` as long as neither that file nor the module changes. What else changes meanwhile (a fixture,
another module) may lead tests elsewhere: ``--anew`` measures again.
"""

import hashlib
import importlib
import json
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.mutants.forks import forked, tested

FOLDER = Path(".mutants")
KEPT = FOLDER / "reach"
AS_IMPORTED = ""
"""Stands for a test where lines run when a module is imported."""
_RAN = {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}


class BaselineError(Exception):
    """The tests do not run over what nobody changed."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What tests come to in one module.

    Attributes:
        seconds: how long each test of the files takes; those that fail without any change are none of them.
        lines: of the module, by the test that comes to them.
    """

    seconds: Mapping[str, float]
    lines: Mapping[str, frozenset[int]]

    def of(self, lines: Collection[int]) -> set[str]:
        """The tests that come to any of these lines."""
        return {test for test, reached in self.lines.items() if not reached.isdisjoint(lines)}


def measure(modules: Collection[Path], every: Mapping[Path, Sequence[str]], *, processes: int) -> list[str]:
    """Measure what is not known yet of the tests of these modules.

    Args:
        modules: that are going to be changed.
        every: all modules that may ever be, with their files and folders of tests: while a file of tests
            runs, it is noted of all of them what it comes to.
        processes: that share the files of tests.

    Returns:
        The tests that fail without any change. They judge nothing.

    Raises:
        BaselineError: tests could not be run at all.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    files = sorted({test for module in modules for test in _files(every[module])})
    wanted = [test for test in files if not all(_knows(test, each, every) for each in modules)]
    shares = [share for share in (wanted[first::processes] for first in range(processes)) if share]
    running = {
        forked(lambda: _look(share, list(every)), said=FOLDER / f"baseline.{number}.log"): share  # noqa: B023 - runs at once
        for number, share in enumerate(shares)
    }
    for _ in shares:
        process, status = os.wait()
        if os.waitstatus_to_exitcode(status) not in _RAN:
            raise BaselineError(
                f"not all of {', '.join(map(str, running[process]))} ran: {FOLDER}/baseline.*.log"
            )
    return sorted(test for file in files if (kept := _kept(file)) for test in kept["failed"])


def known(module: Path, tests: Sequence[str]) -> Reach:
    """What was measured of a module."""
    seconds: dict[str, float] = {}
    lines: dict[str, set[int]] = {}
    for file in _files(tests):
        kept = _kept(file)
        if kept is None:
            continue  # None of its tests is run here: they need a broker that is not.
        seconds |= {test: spent for test, spent in kept["seconds"].items() if test not in kept["failed"]}
        for test, reached in kept["modules"].get(str(module), {"lines": {}})["lines"].items():
            lines.setdefault(test, set()).update(reached)
    here = {test: frozenset(found) for test, found in lines.items() if test in seconds or test == AS_IMPORTED}
    return Reach(seconds, here)


def _files(tests: Sequence[str]) -> list[Path]:
    return sorted(
        {
            file
            for test in tests
            for file in ([Path(test)] if Path(test).is_file() else Path(test).rglob("test_*.py"))
        }
    )


def _knows(test: Path, module: Path, every: Mapping[Path, Sequence[str]]) -> bool:
    if test not in _files(every[module]):
        return True
    kept = _kept(test)
    return (
        kept is not None
        and not kept["failed"]
        and kept["digest"] == _digest(test)
        and kept["modules"].get(str(module), {}).get("digest") == _digest(module)
    )


def _kept(test: Path) -> dict[str, Any] | None:
    try:
        kept: dict[str, Any] = json.loads(_place(test).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return kept


def _place(test: Path) -> Path:
    return KEPT / f"{str(test).replace('/', '.')}.json"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _look(tests: Sequence[Path], modules: Sequence[Path]) -> int:
    measured = coverage.Coverage(
        data_file=None,
        config_file=False,
        messages=False,
        include=[str(module.absolute()) for module in modules],
    )
    measured.start()
    for module in modules:
        # What runs as a module is imported is nobody's: not of the test that happens to be the first to do it.
        importlib.import_module(".".join(module.with_suffix("").parts))
    looking = _Looking(measured, tests, modules)
    code = tested([str(test) for test in tests], plugins=[looking])
    measured.stop()
    for test in tests:
        if test not in looking.written:
            looking.write(test)
    return code


class _Looking:
    """Tells coverage which test runs, and keeps what a file of tests came to when it is done."""

    def __init__(self, measured: coverage.Coverage, tests: Sequence[Path], modules: Sequence[Path]) -> None:
        self._measured = measured
        self._tests = {test: _digest(test) for test in tests}
        self._modules = {module: _digest(module) for module in modules}
        self._seconds: dict[str, float] = {}
        self._failed: set[str] = set()
        self.written: set[Path] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        self._measured.switch_context(item.nodeid)
        began = time.perf_counter()
        try:
            return (yield)
        finally:
            self._seconds[item.nodeid] = round(time.perf_counter() - began, 3)
            self._measured.switch_context(AS_IMPORTED)
            if nextitem is None or nextitem.path != item.path:
                self.write(item.path.relative_to(Path.cwd()))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid)

    def write(self, test: Path) -> None:
        self.written.add(test)
        own = {name for name in self._seconds if name.partition("::")[0] == str(test)}
        kept = {
            "digest": self._tests[test],
            "seconds": {name: self._seconds[name] for name in sorted(own)},
            "failed": sorted(own & self._failed),
            "modules": {
                str(module): {"digest": digest, "lines": self._lines(module, own | {AS_IMPORTED})}
                for module, digest in self._modules.items()
            },
        }
        _place(test).write_text(json.dumps(kept), encoding="utf-8")

    def _lines(self, module: Path, tests: set[str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for line, names in self._measured.get_data().contexts_by_lineno(str(module.absolute())).items():
            for name in tests.intersection(names):
                found.setdefault(name, []).append(line)
        return found
