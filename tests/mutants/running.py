"""Tests run over a changed module: each change in a process forked off this one, which writes no file.

What the tests import from elsewhere is loaded once, here; our own packages are loaded anew in each process, and the
changed module is compiled from the changed tree. First of all the tests run over what is not changed, and coverage
notes which of them come to which line: only those can notice a change there.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import pickle
import resource
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

import coverage
import pytest

from tests.mutants.operators import Mutant, changed, mutants

LOADED_ONCE = (
    "bridge.engine.worker",
    "bridge.sandbox.running",
    "bridge.bus.nats.bus",
    "bridge.bus.rabbit.bus",
)
OWN = ("bridge", "pipelines", "tests")
FOLDER = Path(".mutants")
BASELINE_LOG = FOLDER / "baseline.log"
FUSE_SECONDS = 30
CPU_SECONDS = 120
NOT_NOTICED = {pytest.ExitCode.OK}
NO_TEST = pytest.ExitCode.NO_TESTS_COLLECTED
_AS_IMPORTED = ""


class BaselineError(Exception):
    """The tests fail over what nobody changed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a change: "killed", "survived", or "unreached" when no test comes to its line."""

    mutant: Mutant
    fate: str


def load_once() -> None:
    """Load what is not our own, by way of what is, and forget the latter."""
    for name in LOADED_ONCE:
        importlib.import_module(name)
    _forget_our_own()


def judged(
    file: Path, tests: Sequence[str], chosen: Callable[[list[Mutant]], list[Mutant]], *, processes: int
) -> Iterator[Verdict]:
    """The chosen changes of a module with what became of them, as they are done.

    Raises:
        BaselineError: the tests fail without any change.
    """
    source = file.read_text(encoding="utf-8")
    reached = _reached_by(file, tests)
    running: dict[int, Mutant] = {}
    for mutant in chosen(mutants(source)):
        names = _tests_of(mutant, reached)
        if not names:
            yield Verdict(mutant, "unreached")
            continue
        ids = tests if _AS_IMPORTED in names else sorted(names)
        while len(running) >= processes:
            yield _next_done(running)
        running[_forked(lambda: _try(file, source, mutant, ids))] = mutant  # noqa: B023 - runs at once
    while running:
        yield _next_done(running)


def _tests_of(mutant: Mutant, reached: Mapping[int, set[str]]) -> set[str]:
    """The tests that come to its lines; where the tracer names other lines of the statement, to those."""
    here = set().union(*(reached.get(line, set()) for line in mutant.lines))
    return here or set().union(*(reached.get(line, set()) for line in mutant.statement))


def _next_done(running: dict[int, Mutant]) -> Verdict:
    process, status = os.wait()
    mutant = running.pop(process)
    code = os.waitstatus_to_exitcode(status)
    if code == NO_TEST:
        raise BaselineError(f"no test ran over line {mutant.lines[0]}")
    return Verdict(mutant, "survived" if code in NOT_NOTICED else "killed")


def _try(file: Path, source: str, mutant: Mutant, ids: Sequence[str]) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    code = compile(changed(source, mutant.number), str(file.absolute()), "exec", dont_inherit=True)
    sys.meta_path.insert(0, _Changed(file, code))
    return _tested([*ids, "--exitfirst", f"--timeout={FUSE_SECONDS}"])


def _reached_by(file: Path, tests: Sequence[str]) -> dict[int, set[str]]:
    """For each line the tests that come to it; for those that run when the module is imported, ``""`` too."""
    reading, writing = os.pipe()

    def run() -> int:
        measured = coverage.Coverage(data_file=None, include=[str(file.absolute())])
        measured.start()
        code = _tested(tests, plugins=[_Contexts(measured)])
        measured.stop()
        found = measured.get_data().contexts_by_lineno(str(file.absolute()))
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump({line: set(names) for line, names in found.items()}, pipe)
        return code

    process = _forked(run, said=BASELINE_LOG)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        sent = pipe.read()
    _, status = os.waitpid(process, 0)
    if os.waitstatus_to_exitcode(status) != pytest.ExitCode.OK:
        raise BaselineError(f"the tests of {file} fail without any change: {BASELINE_LOG}")
    found: dict[int, set[str]] = pickle.loads(sent)
    return found


class _Contexts:
    """Tells coverage which test runs."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._measured.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self._measured.switch_context(_AS_IMPORTED)


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


def _tested(arguments: Sequence[str], *, plugins: Sequence[object] = ()) -> int:
    loaded_before = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main(["-q", "-m", "not rabbit", *loaded_before, *arguments], plugins=list(plugins)))


def _forked(work: Callable[[], int], *, said: Path | None = None) -> int:
    """A process that does this, and ends with what it returns; what it prints is kept there, or nowhere."""
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        kept = os.open(said or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for stream in (1, 2):
            os.dup2(kept, stream)
        _forget_our_own()
        code = work()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        raise
    finally:
        os._exit(code)


def _forget_our_own() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
        del sys.modules[name]
